// The extension module `sesha._native`: what Python sees of the native side.
//
// The same file is loaded plainly in the host and as a private image in every guest, so a static
// variable here belongs to one interpreter.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "binding/boot.h"
#include "binding/interpreter.h"
#include "binding/pool.h"
#include "binding/table.h"
#include "binding/values.h"

namespace sesha::binding {
namespace {

PyModuleDef module_definition = {PyModuleDef_HEAD_INIT,
                                 "sesha._native",
                                 nullptr,
                                 -1,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};

int fill(PyObject* module) {
  // In a guest its boot has named the interpreter before any module is imported.
  if (this_interpreter() == nullptr && register_host() < 0) return -1;
  if (add_values(module) < 0 || add_pool(module) < 0) return -1;
  return add_boot(module);
}

}  // namespace
}  // namespace sesha::binding

PyMODINIT_FUNC PyInit__native() {
  PyObject* module = PyModule_Create(&sesha::binding::module_definition);
  if (module != nullptr && sesha::binding::fill(module) < 0) {
    Py_DECREF(module);
    return nullptr;
  }
  return module;
}
