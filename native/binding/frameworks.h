// What this interpreter has of numpy, torch and pickling, looked up when first needed.
//
// A message never makes an interpreter import numpy or torch unless an array or a tensor arrives in
// it: on the sending side they are looked for among the modules that are already imported.
#ifndef SESHA_BINDING_FRAMEWORKS_H_
#define SESHA_BINDING_FRAMEWORKS_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string_view>

#include "exchange/dlpack.h"

namespace sesha::binding {

/// Types of numpy; all borrowed and alive as long as the interpreter.
struct Numpy {
  PyTypeObject* ndarray = nullptr;
  PyTypeObject* memmap = nullptr;  // null without numpy.memmap
  PyTypeObject* generic = nullptr;
  PyObject* dtype = nullptr;
};

struct Torch {
  PyObject* module = nullptr;
  PyTypeObject* tensor = nullptr;
  PyTypeObject* parameter = nullptr;
  const DLPackExchangeAPI* api = nullptr;  // null for a torch that has none
};

/// Null, without an exception, if numpy is not imported (or still being imported).
const Numpy* imported_numpy();
/// Imports it. Null with ImportError.
const Numpy* import_numpy();
const Torch* imported_torch();
const Torch* import_torch();

/// Whether torch's C exchange API is used where torch has one. For tests and for comparing.
void use_exchange_api(bool use);

/// How a dtype is written: "s" and numpy's name of it, such as "s<f4", or "p" and its pickle.
struct DtypeText {
  std::string_view text;
  bool has_objects;  // such arrays hold pointers and are pickled
};
/// Valid until the next call of dtype_text(). False with an exception.
bool dtype_text(PyObject* dtype, DtypeText* out);
/// The dtype (borrowed, valid until the next call) for a text. Null with an exception.
PyObject* dtype_from_text(std::string_view text);

/// `name` of the module sesha.runtime._pickling (new reference), imported if need be.
PyObject* pickling(const char* name);
/// pickle.loads (borrowed). Null with an exception.
PyObject* pickle_loads();
/// sys.modules[name]: borrowed; null without an exception if there is none.
PyObject* loaded_module(const char* name);
/// The interned str of a literal (borrowed, alive as long as the interpreter). Null with
/// MemoryError.
PyObject* interned(const char* literal);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_FRAMEWORKS_H_
