// The extension module `sesha._native`: what Python sees of the native side.
//
// The same file is loaded plainly in the host and as a private image in every guest, so a static variable here
// belongs to one interpreter.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "sesha.h"

namespace {

PyModuleDef module_definition = {PyModuleDef_HEAD_INIT, "sesha._native", nullptr, -1, nullptr,
                                 nullptr,               nullptr,         nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__native() { return PyModule_Create(&module_definition); }
