#include "binding/frameworks.h"

#include <new>
#include <string>
#include <unordered_map>

#include "binding/reference.h"

namespace sesha::binding {
namespace {

constexpr size_t kMostDtypes = 256;

Numpy numpy;
Torch torch;
bool use_api = true;

/// Null without an exception if the module has no such attribute (it is still being imported).
PyObject* optional_attribute(PyObject* module, const char* name) {
  PyObject* value = PyObject_GetAttrString(module, name);
  if (value == nullptr) PyErr_Clear();
  return value;
}

PyTypeObject* optional_type(PyObject* module, const char* name) {
  PyObject* value = optional_attribute(module, name);
  if (value != nullptr && !PyType_Check(value)) Py_CLEAR(value);
  return reinterpret_cast<PyTypeObject*>(value);
}

const Numpy* look_up_numpy(PyObject* module) {
  if (module == nullptr) return nullptr;
  Numpy found;
  found.ndarray = optional_type(module, "ndarray");
  found.memmap = optional_type(module, "memmap");
  found.generic = optional_type(module, "generic");
  found.dtype = optional_attribute(module, "dtype");
  if (found.ndarray == nullptr || found.generic == nullptr || found.dtype == nullptr)
    return nullptr;
  numpy = found;
  return &numpy;
}

const DLPackExchangeAPI* exchange_api(PyTypeObject* tensor) {
  Reference capsule(
      optional_attribute(reinterpret_cast<PyObject*>(tensor), "__dlpack_c_exchange_api__"));
  if (!capsule || !PyCapsule_CheckExact(capsule.get())) return nullptr;
  auto* header = static_cast<DLPackExchangeAPIHeader*>(
      PyCapsule_GetPointer(capsule.get(), "dlpack_exchange_api"));
  if (header == nullptr) PyErr_Clear();
  while (header != nullptr && header->version.major != DLPACK_MAJOR_VERSION)
    header = header->prev_api;
  auto* api = reinterpret_cast<const DLPackExchangeAPI*>(header);
  const bool complete = api != nullptr && api->managed_tensor_from_py_object_no_sync != nullptr &&
                        api->managed_tensor_to_py_object_no_sync != nullptr &&
                        api->dltensor_from_py_object_no_sync != nullptr;
  return complete ? api : nullptr;
}

const Torch* look_up_torch(PyObject* module) {
  if (module == nullptr) return nullptr;
  Reference nn(optional_attribute(module, "nn"));
  Torch found;
  found.tensor = optional_type(module, "Tensor");
  found.parameter = nn ? optional_type(nn.get(), "Parameter") : nullptr;
  if (found.tensor == nullptr || found.parameter == nullptr) return nullptr;
  found.api = use_api ? exchange_api(found.tensor) : nullptr;
  found.module = Py_NewRef(module);
  torch = found;
  return &torch;
}

struct KnownDtype {
  PyObject* dtype;  // owned, so that its address stays its own
  std::string text;
  bool has_objects;
};

auto& dtypes_by_address = *new std::unordered_map<PyObject*, KnownDtype>;
auto& dtypes_by_text = *new std::unordered_map<std::string, PyObject*>;

bool describe(PyObject* dtype, KnownDtype* known) {
  Reference has_objects(PyObject_GetAttrString(dtype, "hasobject"));
  if (!has_objects) return false;
  // Variable-width strings hold pointers too, though their dtype does not say so.
  Reference kind(PyObject_GetAttrString(dtype, "kind"));
  if (!kind) return false;
  known->has_objects =
      PyObject_IsTrue(has_objects.get()) == 1 ||
      (PyUnicode_Check(kind.get()) && PyUnicode_CompareWithASCIIString(kind.get(), "T") == 0);
  Reference text(PyObject_GetAttrString(dtype, "str"));
  if (!text) return false;
  // A name stands for a dtype only if it leads back to it: not with fields, metadata or from
  // another package.
  Reference again(PyObject_CallOneArg(numpy.dtype, text.get()));
  bool same = false;
  if (again) {
    same = again.get() == dtype;
    if (!same) {
      Reference fields(PyObject_GetAttrString(dtype, "fields"));
      Reference metadata(PyObject_GetAttrString(dtype, "metadata"));
      Reference subdtype(PyObject_GetAttrString(dtype, "subdtype"));
      same = fields && fields.get() == Py_None && metadata && metadata.get() == Py_None &&
             subdtype && subdtype.get() == Py_None && Py_TYPE(again.get()) == Py_TYPE(dtype) &&
             PyObject_RichCompareBool(again.get(), dtype, Py_EQ) == 1;
    }
  }
  PyErr_Clear();
  if (same) {
    const char* characters = PyUnicode_AsUTF8(text.get());
    if (characters == nullptr) return false;
    known->text = std::string("s") + characters;
    return true;
  }
  Reference pickle(PyImport_ImportModule("pickle"));
  if (!pickle) return false;
  Reference bytes(PyObject_CallMethod(pickle.get(), "dumps", "Oi", dtype, 5));
  if (!bytes || !PyBytes_Check(bytes.get())) return false;
  known->text = "p" + std::string(PyBytes_AS_STRING(bytes.get()),
                                  static_cast<size_t>(PyBytes_GET_SIZE(bytes.get())));
  return true;
}

}  // namespace

PyObject* interned(const char* literal) {
  // By address: the caller passes literals, of which there are a few dozen.
  static auto& known = *new std::unordered_map<const char*, PyObject*>;
  if (auto place = known.find(literal); place != known.end()) return place->second;
  PyObject* made = PyUnicode_InternFromString(literal);
  if (made != nullptr) known.emplace(literal, made);
  return made;
}

PyObject* loaded_module(const char* name) {
  PyObject* module = PyDict_GetItemWithError(PyImport_GetModuleDict(), interned(name));
  if (module == nullptr) PyErr_Clear();
  return module == Py_None ? nullptr : module;
}

const Numpy* imported_numpy() {
  return numpy.ndarray != nullptr ? &numpy : look_up_numpy(loaded_module("numpy"));
}

const Numpy* import_numpy() {
  if (numpy.ndarray != nullptr) return &numpy;
  Reference module(PyImport_ImportModule("numpy"));
  if (!module) return nullptr;
  const Numpy* found = look_up_numpy(module.get());
  if (found == nullptr && !PyErr_Occurred()) {
    PyErr_SetString(
        PyExc_ImportError,
        "an array arrived, but the module 'numpy' that is imported here has no ndarray");
  }
  return found;
}

const Torch* imported_torch() {
  return torch.module != nullptr ? &torch : look_up_torch(loaded_module("torch"));
}

const Torch* import_torch() {
  if (torch.module != nullptr) return &torch;
  Reference module(PyImport_ImportModule("torch"));
  if (!module) return nullptr;
  const Torch* found = look_up_torch(module.get());
  if (found == nullptr && !PyErr_Occurred()) {
    PyErr_SetString(PyExc_ImportError,
                    "a tensor arrived, but the module 'torch' that is imported here has no Tensor");
  }
  return found;
}

void use_exchange_api(bool use) {
  use_api = use;
  if (torch.tensor != nullptr) torch.api = use ? exchange_api(torch.tensor) : nullptr;
}

bool dtype_text(PyObject* dtype, DtypeText* out) {
  auto place = dtypes_by_address.find(dtype);
  if (place == dtypes_by_address.end()) {
    KnownDtype known{nullptr, {}, false};
    if (!describe(dtype, &known)) return false;
    if (dtypes_by_address.size() >= kMostDtypes) {
      for (auto& entry : dtypes_by_address) Py_DECREF(entry.second.dtype);
      dtypes_by_address.clear();
    }
    known.dtype = Py_NewRef(dtype);
    place = dtypes_by_address.insert_or_assign(dtype, std::move(known)).first;
  }
  *out = {place->second.text, place->second.has_objects};
  return true;
}

PyObject* dtype_from_text(std::string_view text) {
  const std::string key(text);
  if (auto place = dtypes_by_text.find(key); place != dtypes_by_text.end()) return place->second;
  PyObject* dtype = nullptr;
  if (text[0] == 's') {
    dtype = PyObject_CallFunction(numpy.dtype, "s", key.c_str() + 1);
  } else {
    PyObject* loads = pickle_loads();
    if (loads == nullptr) return nullptr;
    dtype =
        PyObject_CallFunction(loads, "y#", key.data() + 1, static_cast<Py_ssize_t>(key.size() - 1));
  }
  if (dtype == nullptr) return nullptr;
  if (dtypes_by_text.size() >= kMostDtypes) {
    for (auto& entry : dtypes_by_text) Py_DECREF(entry.second);
    dtypes_by_text.clear();
  }
  // Another thread may have been as quick during the import of the dtype's package.
  if (auto [place, inserted] = dtypes_by_text.emplace(key, dtype); !inserted) {
    Py_DECREF(dtype);
    return place->second;
  }
  return dtype;
}

PyObject* pickling(const char* name) {
  Reference module(PyImport_ImportModule("sesha.runtime._pickling"));
  return module ? PyObject_GetAttrString(module.get(), name) : nullptr;
}

PyObject* pickle_loads() {
  static PyObject* loads = nullptr;
  if (loads == nullptr) {
    Reference module(PyImport_ImportModule("_pickle"));
    if (module) loads = PyObject_GetAttrString(module.get(), "loads");
  }
  return loads;
}

}  // namespace sesha::binding
