#include "binding/functions.h"

#include <array>
#include <string>
#include <unordered_map>

#include "binding/frameworks.h"
#include "binding/values.h"

namespace sesha::binding {
namespace {

/// Functions by value that are kept pickled (sending) and unpickled (receiving).
constexpr size_t kMostFunctions = 256;
constexpr size_t kDigestSize = 16;

struct PickledFunction {
  PyObject* code;  // owned, so that its address stays its own
  PyObject* data;  // bytes
  PyObject* digest;
  PyObject* watch;  // see _pickling.pickle_function
};

// Keyed by code: a lambda in a loop is a new function each time, made of the same code.
auto& pickled = *new std::unordered_map<PyObject*, PickledFunction>;
auto& received = *new std::unordered_map<std::string, PyObject*>;

/// The object that `qualname` names in the module, new; null, with or without an exception, if
/// there is none.
Reference look_up(PyObject* module, PyObject* qualname) {
  if (PyModule_Check(module)) {
    PyObject* found = PyDict_GetItemWithError(PyModule_GetDict(module), qualname);
    if (found != nullptr) return Reference::borrow(found);
    if (PyErr_Occurred()) return Reference();
  }
  Reference names(PyUnicode_Split(qualname, interned("."), -1));
  Reference place = Reference::borrow(module);
  const Py_ssize_t count = names ? PyList_GET_SIZE(names.get()) : 0;
  for (Py_ssize_t i = 0; place && i < count; ++i) {
    place = Reference(PyObject_GetAttr(place.get(), PyList_GET_ITEM(names.get(), i)));
  }
  return names ? std::move(place) : Reference();
}

bool is_text(PyObject* object) { return object != nullptr && PyUnicode_CheckExact(object); }

/// Writes a str as UTF-8; false for lone surrogates.
bool put_utf8(Writer& writer, PyObject* text) {
  Py_ssize_t size = 0;
  const char* characters = PyUnicode_AsUTF8AndSize(text, &size);
  if (characters == nullptr) return false;
  writer.put_text({characters, static_cast<size_t>(size)});
  return true;
}

/// Whether the module's functions are to go by value, which cloudpickle.register_pickle_by_value()
/// asks for.
bool goes_by_value(PyObject* module_name) {
  if (PyUnicode_CompareWithASCIIString(module_name, "__main__") == 0) return true;
  if (loaded_module("cloudpickle") == nullptr) return false;
  // Asked at each call, so the empty registry, which is nearly every one, must cost nothing.
  static PyObject* registry = nullptr;
  if (registry == nullptr) registry = pickling("by_value_registry");
  if (registry != nullptr && PySet_Check(registry) && PySet_GET_SIZE(registry) == 0) return false;
  Reference asked(pickling("registered_by_value"));
  Reference answer(asked ? PyObject_CallOneArg(asked.get(), module_name) : nullptr);
  if (!answer) PyErr_Clear();
  return answer.get() == Py_True;
}

Outcome encode_by_name(Encoder& encoder, PyObject* fn) {
  Reference module_name(PyObject_GetAttr(fn, interned("__module__")));
  Reference qualname(module_name ? PyObject_GetAttr(fn, interned("__qualname__")) : nullptr);
  Reference found;
  if (is_text(module_name.get()) && is_text(qualname.get()) && !goes_by_value(module_name.get())) {
    PyObject* module = PyDict_GetItemWithError(PyImport_GetModuleDict(), module_name.get());
    if (module != nullptr) {
      Reference kept = Reference::borrow(module);
      found = look_up(module, qualname.get());
    }
  }
  PyErr_Clear();
  if (found.get() != fn) return Outcome::kUnknown;
  const size_t before = encoder.writer().position();
  encoder.writer().put(FunctionForm::kName);
  if (put_utf8(encoder.writer(), module_name.get()) && put_utf8(encoder.writer(), qualname.get())) {
    return Outcome::kDone;
  }
  PyErr_Clear();
  encoder.truncate(before);
  return Outcome::kUnknown;
}

Outcome encode_name(Encoder& encoder, PyObject* name) {
  Py_ssize_t size = 0;
  const char* characters = PyUnicode_AsUTF8AndSize(name, &size);
  if (characters == nullptr) return Outcome::kError;
  const std::string_view text(characters, static_cast<size_t>(size));
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) {
    PyErr_Format(PyExc_ValueError,
                 "a function's name must read 'module:qualname', such as 'math:sqrt', not %R",
                 name);
    return Outcome::kError;
  }
  encoder.writer().put(FunctionForm::kName);
  encoder.writer().put_text(text.substr(0, colon));
  encoder.writer().put_text(text.substr(colon + 1));
  return Outcome::kDone;
}

bool same_items(PyObject* now, PyObject* then) {
  if (now == then) return true;
  if (now == nullptr || then == nullptr || !PyTuple_CheckExact(now) || !PyTuple_CheckExact(then) ||
      PyTuple_GET_SIZE(now) != PyTuple_GET_SIZE(then)) {
    return false;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(now); ++i) {
    if (PyTuple_GET_ITEM(now, i) != PyTuple_GET_ITEM(then, i)) return false;
  }
  return true;
}

bool same_in_dict(PyObject* dict, PyObject* names, PyObject* values, PyObject* absent) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
    PyObject* now =
        dict != nullptr ? PyDict_GetItemWithError(dict, PyTuple_GET_ITEM(names, i)) : nullptr;
    if (now == nullptr) {
      if (PyErr_Occurred()) PyErr_Clear();
      now = absent;
    }
    if (now != PyTuple_GET_ITEM(values, i)) return false;
  }
  return true;
}

/// Whether the function still captures what it did: (function or None for the root, code, defaults
/// or None, names and values of keyword defaults, contents of cells, names and values of globals).
bool unchanged(PyObject* function, PyObject* entry, PyObject* absent) {
  const auto item = [entry](Py_ssize_t i) { return PyTuple_GET_ITEM(entry, i); };
  if (!PyFunction_Check(function) || PyFunction_GET_CODE(function) != item(1)) return false;
  const auto* parts = reinterpret_cast<PyFunctionObject*>(function);
  if (parts->func_dict != nullptr && PyDict_GET_SIZE(parts->func_dict) != 0) return false;
  PyObject* defaults = PyFunction_GET_DEFAULTS(function);
  if (!same_items(defaults != nullptr ? defaults : Py_None, item(2))) return false;
  PyObject* keywords = PyFunction_GET_KW_DEFAULTS(function);
  const Py_ssize_t keyword_count = keywords != nullptr ? PyDict_GET_SIZE(keywords) : 0;
  if (keyword_count != PyTuple_GET_SIZE(item(3)) ||
      !same_in_dict(keywords, item(3), item(4), absent))
    return false;
  PyObject* cells = PyFunction_GET_CLOSURE(function);
  const Py_ssize_t cell_count = cells != nullptr ? PyTuple_GET_SIZE(cells) : 0;
  if (cell_count != PyTuple_GET_SIZE(item(5))) return false;
  for (Py_ssize_t i = 0; i < cell_count; ++i) {
    if (PyCell_GET(PyTuple_GET_ITEM(cells, i)) != PyTuple_GET_ITEM(item(5), i)) return false;
  }
  return same_in_dict(PyFunction_GET_GLOBALS(function), item(6), item(7), absent);
}

bool still_valid(PyObject* fn, PyObject* watch) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(watch); ++i) {
    PyObject* entry = PyTuple_GET_ITEM(watch, i);
    PyObject* function = PyTuple_GET_ITEM(entry, 0);
    if (!unchanged(function == Py_None ? fn : function, entry, Py_Ellipsis)) return false;
  }
  return true;
}

void forget(PickledFunction& entry) {
  Py_DECREF(entry.code);
  Py_DECREF(entry.data);
  Py_DECREF(entry.digest);
  Py_DECREF(entry.watch);
}

void forget_all_pickled() {
  std::unordered_map<PyObject*, PickledFunction> old;
  old.swap(pickled);
  while (!old.empty()) forget(old.extract(old.begin()).mapped());
}

void write_pickled(Writer& writer, const PickledFunction& entry) {
  writer.put(FunctionForm::kDigest);
  writer.write(PyBytes_AS_STRING(entry.digest), kDigestSize);
  writer.put_text(
      {PyBytes_AS_STRING(entry.data), static_cast<size_t>(PyBytes_GET_SIZE(entry.data))});
}

Outcome encode_by_value(Encoder& encoder, PyObject* fn) {
  PyObject* code = PyFunction_GET_CODE(fn);
  if (auto known = pickled.find(code);
      known != pickled.end() && still_valid(fn, known->second.watch)) {
    write_pickled(encoder.writer(), known->second);
    return Outcome::kDone;
  }
  Reference pickle_function(pickling("pickle_function"));
  Reference made(pickle_function ? PyObject_CallOneArg(pickle_function.get(), fn) : nullptr);
  if (!made) {
    // Pickled again together with the arguments, it fails again, with the path to the cause.
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return Outcome::kError;
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  if (!PyTuple_Check(made.get())) return Outcome::kUnknown;
  const PickledFunction entry = {Py_NewRef(code), Py_NewRef(PyTuple_GET_ITEM(made.get(), 0)),
                                 Py_NewRef(PyTuple_GET_ITEM(made.get(), 1)),
                                 Py_NewRef(PyTuple_GET_ITEM(made.get(), 2))};
  write_pickled(encoder.writer(), entry);
  if (pickled.size() >= kMostFunctions) forget_all_pickled();
  auto [place, inserted] = pickled.emplace(code, entry);
  if (!inserted) {
    PickledFunction old = place->second;
    place->second = entry;
    forget(old);
  }
  return Outcome::kDone;
}

/// Whether another thread is still running the module's code, so that what it will hold may be
/// missing.
bool is_being_imported(PyObject* module) {
  PyObject* spec =
      PyModule_Check(module) ? PyDict_GetItemString(PyModule_GetDict(module), "__spec__") : nullptr;
  if (spec == nullptr || spec == Py_None) return false;
  Reference initializing(PyObject_GetAttrString(spec, "_initializing"));
  if (!initializing) PyErr_Clear();
  return initializing && PyObject_IsTrue(initializing.get()) == 1;
}

PyObject* resolve(std::string_view module_text, std::string_view qualname_text) {
  // The two strs, which cost more than the lookup, are kept; the lookup is done each time, so that
  // a module that is reloaded or patched is seen.
  static auto& names = *new std::unordered_map<std::string, std::array<PyObject*, 2>>;
  std::string key;
  key.reserve(module_text.size() + qualname_text.size() + 1);
  key.append(module_text).append(1, ':').append(qualname_text);
  auto known = names.find(key);
  if (known == names.end()) {
    Reference module_name(PyUnicode_FromStringAndSize(module_text.data(),
                                                      static_cast<Py_ssize_t>(module_text.size())));
    Reference qualname(PyUnicode_FromStringAndSize(qualname_text.data(),
                                                   static_cast<Py_ssize_t>(qualname_text.size())));
    if (!module_name || !qualname) return nullptr;
    if (names.size() >= kMostFunctions) {
      for (auto& [text, pair] : names) {
        Py_DECREF(pair[0]);
        Py_DECREF(pair[1]);
      }
      names.clear();
    }
    PyObject* pair[] = {module_name.release(), qualname.release()};
    PyUnicode_InternInPlace(&pair[0]);
    PyUnicode_InternInPlace(&pair[1]);
    known = names.insert_or_assign(std::move(key), std::array{pair[0], pair[1]}).first;
  }
  Reference module_name = Reference::borrow(known->second[0]);
  Reference qualname = Reference::borrow(known->second[1]);
  PyObject* loaded = PyDict_GetItemWithError(PyImport_GetModuleDict(), module_name.get());
  if (loaded == nullptr && PyErr_Occurred()) return nullptr;
  const bool ready = loaded != nullptr && loaded != Py_None && !is_being_imported(loaded);
  Reference module =
      ready ? Reference::borrow(loaded) : Reference(PyImport_Import(module_name.get()));
  if (!module) return nullptr;
  return look_up(module.get(), qualname.get()).release();
}

PyObject* unpickle(std::string_view digest, std::string_view data) {
  const std::string key(digest);
  if (auto known = received.find(key); known != received.end()) return Py_NewRef(known->second);
  PyObject* loads = pickle_loads();
  if (loads == nullptr) return nullptr;
  Reference fn(
      PyObject_CallFunction(loads, "y#", data.data(), static_cast<Py_ssize_t>(data.size())));
  if (!fn) return nullptr;
  if (received.size() >= kMostFunctions) {
    std::unordered_map<std::string, PyObject*> old;
    old.swap(received);
    for (auto& [text, function] : old) Py_DECREF(function);
  }
  auto [place, inserted] = received.emplace(key, fn.get());
  if (inserted) Py_INCREF(fn.get());
  return Py_NewRef(place->second);
}

}  // namespace

Outcome encode_function(Encoder& encoder, PyObject* fn) {
  if (PyUnicode_Check(fn)) return encode_name(encoder, fn);
  if (PyObject_TypeCheck(fn, handle_type())) {
    encoder.writer().put(FunctionForm::kValue);
    return encoder.encode(fn);
  }
  if (!PyCallable_Check(fn)) {
    PyErr_Format(PyExc_TypeError, "fn must be a callable or a name 'module:qualname', not %.200s",
                 Py_TYPE(fn)->tp_name);
    return Outcome::kError;
  }
  const Outcome named = encode_by_name(encoder, fn);
  if (named != Outcome::kUnknown || !PyFunction_Check(fn)) return named;
  return encode_by_value(encoder, fn);
}

PyObject* decode_function(Decoder& decoder, FunctionForm form) {
  if (form == FunctionForm::kValue) return decoder.decode();
  if (form == FunctionForm::kName) {
    const std::string_view module = decoder.reader().get_text();
    return resolve(module, decoder.reader().get_text());
  }
  const auto* digest = reinterpret_cast<const char*>(decoder.reader().take(kDigestSize));
  return unpickle({digest, kDigestSize}, decoder.reader().get_text());
}

}  // namespace sesha::binding
