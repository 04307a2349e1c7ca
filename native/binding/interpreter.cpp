#include "binding/interpreter.h"

namespace sesha::binding {
namespace {
sesha_interpreter* own = nullptr;
}

sesha_interpreter* this_interpreter() { return own; }
void set_this_interpreter(sesha_interpreter* interpreter) { own = interpreter; }

}  // namespace sesha::binding
