// Which interpreter this copy of the binding belongs to.
#ifndef SESHA_BINDING_INTERPRETER_H_
#define SESHA_BINDING_INTERPRETER_H_

#include "sesha.h"

namespace sesha::binding {

/// This binding's interpreter: set once, by the host's registration or by the boot of a guest,
/// before any value is encoded or decoded. Null before that.
sesha_interpreter* this_interpreter();
void set_this_interpreter(sesha_interpreter* interpreter);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_INTERPRETER_H_
