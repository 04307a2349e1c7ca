// Types of this module, made once per interpreter.
#ifndef SESHA_BINDING_TYPES_H_
#define SESHA_BINDING_TYPES_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace sesha::binding {

/// The type of a spec, immortal; null with an exception.
inline PyTypeObject* make_type(PyType_Spec* spec) {
  return reinterpret_cast<PyTypeObject*>(PyType_FromSpec(spec));
}

/// For tp_dealloc of a heap type without garbage collection.
inline void free_object(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  type->tp_free(object);
  Py_DECREF(type);
}

}  // namespace sesha::binding

#endif  // SESHA_BINDING_TYPES_H_
