#include "binding/boot.h"

#include <malloc.h>

#include <string_view>

#include "binding/arenas.h"
#include "binding/interpreter.h"
#include "binding/table.h"
#include "binding/threads.h"
#include "guests/guest.h"

namespace sesha::binding {
namespace {

/// A failure of PyConfig's functions as text.
sesha_status fail(const PyStatus& status) {
  return sesha_fail(SESHA_ERROR, "Python did not start: %s%s%s",
                    status.func != nullptr ? status.func : "", status.func != nullptr ? ": " : "",
                    status.err_msg != nullptr ? status.err_msg : "unknown error");
}

sesha_status fail_with_exception(const char* what) {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* text = value != nullptr ? PyObject_Str(value) : nullptr;
  const char* message = text != nullptr ? PyUnicode_AsUTF8(text) : nullptr;
  sesha_fail(SESHA_ERROR, "%s: %s: %s", what,
             type != nullptr ? reinterpret_cast<PyTypeObject*>(type)->tp_name : "no exception",
             message != nullptr ? message : "");
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  PyErr_Clear();
  return SESHA_ERROR;
}

#define FIELD(name) {#name, &PyConfig::name}

wchar_t** string_field(PyConfig& config, std::string_view name) {
  static constexpr std::pair<std::string_view, wchar_t * PyConfig::*> kFields[] = {
      FIELD(executable),  FIELD(base_executable),  FIELD(prefix),       FIELD(base_prefix),
      FIELD(exec_prefix), FIELD(base_exec_prefix), FIELD(program_name), FIELD(platlibdir)};
  for (const auto& [field, member] : kFields) {
    if (field == name) return &(config.*member);
  }
  return nullptr;
}

int* number_field(PyConfig& config, std::string_view name) {
  static constexpr std::pair<std::string_view, int PyConfig::*> kFields[] = {
      FIELD(optimization_level), FIELD(bytes_warning), FIELD(write_bytecode),      FIELD(verbose),
      FIELD(dev_mode),           FIELD(site_import),   FIELD(user_site_directory), FIELD(safe_path),
      FIELD(isolated),           FIELD(use_hash_seed), FIELD(parser_debug)};
  for (const auto& [field, member] : kFields) {
    if (field == name) return &(config.*member);
  }
  return nullptr;
}

#undef FIELD

PyStatus append(PyWideStringList& list, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    wchar_t* wide = Py_DecodeLocale(item.c_str(), nullptr);
    if (wide == nullptr) return PyStatus_NoMemory();
    PyStatus status = PyWideStringList_Append(&list, wide);
    PyMem_RawFree(wide);
    if (PyStatus_Exception(status) != 0) return status;
  }
  return PyStatus_Ok();
}

PyStatus configure(PyConfig& config, const BootOptions& options) {
  config.parse_argv = 0;
  config.use_environment = 0;  // the host has read it; what it made of it comes with the options
  config.install_signal_handlers = 0;
  config.pathconfig_warnings = 0;
  for (const auto& [name, value] : options.numbers) {
    if (int* field = number_field(config, name)) *field = value;
  }
  for (const auto& [name, value] : options.strings) {
    wchar_t** field = string_field(config, name);
    if (field == nullptr) continue;
    PyStatus status = PyConfig_SetBytesString(&config, field, value.c_str());
    if (PyStatus_Exception(status) != 0) return status;
  }
  config.module_search_paths_set = 1;
  for (auto [list, items] : {std::pair{&config.argv, &options.arguments},
                             {&config.module_search_paths, &options.search_paths},
                             {&config.xoptions, &options.x_options},
                             {&config.warnoptions, &options.warning_options}}) {
    PyStatus status = append(*list, *items);
    if (PyStatus_Exception(status) != 0) return status;
  }
  return PyStatus_Ok();
}

PyStatus initialize(const BootOptions& options) {
  PyPreConfig pre;
  PyPreConfig_InitIsolatedConfig(&pre);
  pre.utf8_mode = options.utf8_mode ? 1 : 0;
  pre.configure_locale = 0;  // the process's locale is the host's to set
  PyStatus status = Py_PreInitialize(&pre);
  if (PyStatus_Exception(status) != 0) return status;
  own_arenas();
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  status = configure(config, options);
  if (PyStatus_Exception(status) == 0) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  return status;
}

/// `site` may have found more folders or put them in another order: the guest is to find what the
/// host finds.
int set_search_paths(const BootOptions& options) {
  PyObject* list = PyList_New(0);
  if (list == nullptr) return -1;
  for (const std::string& path : options.search_paths) {
    PyObject* text =
        PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size()));
    const int done = text == nullptr ? -1 : PyList_Append(list, text);
    Py_XDECREF(text);
    if (done != 0) {
      Py_DECREF(list);
      return -1;
    }
  }
  const int done = PySys_SetObject("path", list);
  Py_DECREF(list);
  return done;
}

/// Modules that must be there before the first call.
int import_first_modules() {
  // threading takes the thread that imports it first for the main thread, and expects that to stay.
  for (const char* name : {"threading", "sesha._native"}) {
    PyObject* module = PyImport_ImportModule(name);
    if (module == nullptr) return -1;
    Py_DECREF(module);
  }
  return 0;
}

/// Output must not be lost in a buffer that nobody flushes, and lines of several guests must not
/// mix.
int buffer_by_line() {
  for (const char* name : {"stdout", "stderr"}) {
    PyObject* stream = PySys_GetObject(name);
    if (stream == nullptr || stream == Py_None) continue;
    PyObject* method = PyObject_GetAttrString(stream, "reconfigure");
    PyObject* none = PyTuple_New(0);
    PyObject* keywords = Py_BuildValue("{s:O}", "line_buffering", Py_True);
    PyObject* done = nullptr;
    if (method != nullptr && none != nullptr && keywords != nullptr)
      done = PyObject_Call(method, none, keywords);
    Py_XDECREF(method);
    Py_XDECREF(none);
    Py_XDECREF(keywords);
    if (done == nullptr) return -1;
    Py_DECREF(done);
  }
  return 0;
}

bool to_bytes(PyObject* value, std::string& into) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(value, static_cast<void*>(&bytes)) == 0) return false;
  into.assign(PyBytes_AS_STRING(bytes), static_cast<size_t>(PyBytes_GET_SIZE(bytes)));
  Py_DECREF(bytes);
  return true;
}

bool to_list(PyObject* options, const char* key, std::vector<std::string>& into) {
  PyObject* list = PyDict_GetItemString(options, key);
  if (list == nullptr || !PyList_Check(list)) {
    PyErr_Format(PyExc_TypeError, "options[%s]: expected a list of str", key);
    return false;
  }
  for (Py_ssize_t k = 0; k < PyList_GET_SIZE(list); ++k) {
    if (!to_bytes(PyList_GET_ITEM(list, k), into.emplace_back())) return false;
  }
  return true;
}

bool read_options(PyObject* source, BootOptions& options) {
  PyObject* config = PyDict_GetItemString(source, "config");
  if (config == nullptr || !PyDict_Check(config)) {
    PyErr_SetString(PyExc_TypeError, "options[config]: expected a dict");
    return false;
  }
  Py_ssize_t at = 0;
  PyObject *key = nullptr, *value = nullptr;
  while (PyDict_Next(config, &at, &key, &value) != 0) {
    const char* name = PyUnicode_AsUTF8(key);
    if (name == nullptr) return false;
    if (PyLong_Check(value)) {
      options.numbers.emplace_back(name, static_cast<int>(PyLong_AsLong(value)));
    } else if (!to_bytes(value, options.strings.emplace_back(name, "").second)) {
      return false;
    }
  }
  PyObject* utf8_mode = PyDict_GetItemString(source, "utf8_mode");
  options.utf8_mode = utf8_mode != nullptr && PyObject_IsTrue(utf8_mode) == 1;
  return to_list(source, "argv", options.arguments) &&
         to_list(source, "path", options.search_paths) &&
         to_list(source, "xoptions", options.x_options) &&
         to_list(source, "warnoptions", options.warning_options) && PyErr_Occurred() == nullptr;
}

PyObject* image_error() {
  PyObject* errors = PyImport_ImportModule("sesha.errors");
  if (errors == nullptr) return nullptr;
  PyObject* type = PyObject_GetAttrString(errors, "ImageError");
  Py_DECREF(errors);
  if (type != nullptr) PyErr_SetString(type, sesha_last_error());
  Py_XDECREF(type);
  return nullptr;
}

PyObject* start_interpreter(PyObject*, PyObject* arguments) {
  PyObject *library = nullptr, *binding = nullptr, *source = nullptr;
  if (PyArg_ParseTuple(arguments, "O&O&O!:start_interpreter", PyUnicode_FSConverter, &library,
                       PyUnicode_FSConverter, &binding, &PyDict_Type, &source) == 0) {
    Py_XDECREF(library);
    return nullptr;
  }
  BootOptions options;
  sesha_interpreter* started = nullptr;
  sesha_status status = SESHA_ERROR;
  const bool readable = read_options(source, options);
  if (readable) {
    Py_BEGIN_ALLOW_THREADS;
    status = sesha_guest_start(PyBytes_AS_STRING(library), PyBytes_AS_STRING(binding), &options,
                               &started);
    Py_END_ALLOW_THREADS;
  }
  Py_DECREF(library);
  Py_DECREF(binding);
  if (!readable) return nullptr;
  if (status != SESHA_OK) return image_error();
  return PyLong_FromUnsignedLong(sesha_interpreter_index(started));
}

PyObject* stop_interpreter(PyObject*, PyObject* argument) {
  const unsigned long index = PyLong_AsUnsignedLong(argument);
  if (index == static_cast<unsigned long>(-1) && PyErr_Occurred() != nullptr) return nullptr;
  sesha_interpreter* interpreter = sesha_find_interpreter(static_cast<uint32_t>(index));
  if (interpreter == nullptr || index == 0) {
    PyErr_Format(PyExc_ValueError, "there is no guest interpreter %lu", index);
    return nullptr;
  }
  sesha_status status = SESHA_OK;
  Py_BEGIN_ALLOW_THREADS;
  status = sesha_guest_stop(interpreter);
  Py_END_ALLOW_THREADS;
  if (status != SESHA_OK) return image_error();
  Py_RETURN_NONE;
}

PyObject* trim_memory(PyObject*, PyObject*) {
  Py_BEGIN_ALLOW_THREADS;
  malloc_trim(0);
  Py_END_ALLOW_THREADS;
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {{"start_interpreter", start_interpreter, METH_VARARGS,
                            "start_interpreter(libpython, binding, options, /)\n--\n\nBoots a "
                            "guest and returns its index. Any thread; the "
                            "GIL is released meanwhile. Raises sesha.ImageError."},
                           {"stop_interpreter", stop_interpreter, METH_O,
                            "stop_interpreter(index, /)\n--\n\nEnds a guest in order: its atexit "
                            "functions run, then Py_FinalizeEx. Nobody "
                            "may be in it."},
                           {"trim_memory", trim_memory, METH_NOARGS,
                            "trim_memory(/)\n--\n\nGives the kernel back what malloc keeps of "
                            "memory that was freed, in all interpreters."},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

int add_boot(PyObject* module) { return PyModule_AddFunctions(module, functions); }

}  // namespace sesha::binding

extern "C" SESHA_API sesha_status sesha_binding_boot(sesha_interpreter* self, const void* options,
                                                     const sesha_binding** binding) {
  using namespace sesha::binding;
  const auto& boot = *static_cast<const BootOptions*>(options);
  set_this_interpreter(self);
  const PyStatus status = initialize(boot);
  if (PyStatus_Exception(status) != 0) return fail(status);
  find_state_key();
  if (set_search_paths(boot) != 0 || import_first_modules() != 0 || buffer_by_line() != 0) {
    fail_with_exception("the interpreter started, but not its first modules");
    Py_FinalizeEx();
    return SESHA_ERROR;
  }
  keep_main_state(PyEval_SaveThread());
  *binding = binding_table();
  return SESHA_OK;
}
