// The boot of a guest: the host's configuration, and CPython initialised with it.
#ifndef SESHA_BINDING_BOOT_H_
#define SESHA_BINDING_BOOT_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string>
#include <utility>
#include <vector>

namespace sesha::binding {

/// What a guest is to have in common with the host. Made by the host's binding, read by the
/// guest's: the same binary, so that C++ types may pass. Strings are bytes as os.fsencode() makes
/// them.
struct BootOptions {
  std::vector<std::pair<std::string, std::string>> strings;  ///< fields of PyConfig by name
  std::vector<std::pair<std::string, int>> numbers;          ///< likewise
  std::vector<std::string> arguments;
  std::vector<std::string> search_paths;
  std::vector<std::string> x_options;
  std::vector<std::string> warning_options;
  bool utf8_mode = false;
};

/// Adds `start_interpreter` and `stop_interpreter` to the module. 0, or -1 with an exception.
int add_boot(PyObject* module);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_BOOT_H_
