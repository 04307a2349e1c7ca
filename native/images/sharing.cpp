// Which libraries all guests share.
#include <dlfcn.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "images/loader.h"

namespace sesha::images {
namespace {

// Libraries that know nothing of Python and hold no pointers to its objects, or that the process
// can have only once.
constexpr std::array kSharedNames = {
    "libc.so*",         "libm.so*",          "libdl.so*",          "libpthread.so*",
    "librt.so*",        "libutil.so*",       "libresolv.so*",      "ld-linux*.so*",
    "libstdc++.so*",    "libgcc_s.so*",      "libatomic.so*",      "libgomp*.so*",
    "libomp*.so*",      "libiomp*.so*",      "libopenblas*.so*",   "libscipy_openblas*.so*",
    "libmkl_*.so*",     "libcuda.so*",       "libcudart*.so*",     "libcublas*.so*",
    "libcudnn*.so*",    "libcufft*.so*",     "libcufile*.so*",     "libcurand*.so*",
    "libcusolver*.so*", "libcusparse*.so*",  "libcupti*.so*",      "libnccl*.so*",
    "libnvrtc*.so*",    "libnvJitLink*.so*", "libnvToolsExt*.so*", "libnvidia-*.so*",
    "libnvshmem*.so*",  "libasan.so*",       "libtsan.so*",        "libubsan.so*",
    "liblsan.so*",      "libsesha.so*"};

// Folders of the operating system; a Python that it brings along keeps its extensions in folders of
// these names.
constexpr std::array kSystemFolders = {"/lib/",     "/lib32/",     "/lib64/",
                                       "/usr/lib/", "/usr/lib32/", "/usr/lib64/"};
constexpr std::array kExtensionFolders = {"/site-packages/", "/dist-packages/", "/lib-dynload/"};

bool matches_any(std::string_view patterns, const std::string& name) {
  while (!patterns.empty()) {
    const size_t end = patterns.find(':');
    if (fnmatch(std::string(patterns.substr(0, end)).c_str(), name.c_str(), 0) == 0) return true;
    if (end == std::string_view::npos) break;
    patterns.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

bool needs_python(const Object& object) {
  for (std::string_view name : object.needed()) {
    if (name.starts_with("libpython")) return true;
  }
  return std::any_of(object.symbols().begin(), object.symbols().end(),
                     [&](const Elf64_Sym& symbol) {
                       if (symbol.st_shndx != SHN_UNDEF) return false;
                       std::string_view name = object.symbol_name(symbol);
                       // Py_IncRef, PyErr_SetString, _Py_NoneStruct, _PyObject_GC_New
                       if (name.starts_with('_')) name.remove_prefix(1);
                       return name.starts_with("Py") && name.size() > 2 &&
                              (name[2] == '_' || (name[2] >= 'A' && name[2] <= 'Z')) &&
                              name.find('_', 2) != std::string_view::npos;
                     });
}

bool is_shared(const Object& object) {
  const std::string name(object.name());
  if (name.starts_with("libpython")) return false;
  for (const char* pattern : kSharedNames) {
    if (fnmatch(pattern, name.c_str(), 0) == 0) return true;
  }
  if (const char* patterns = std::getenv("SESHA_SHARED_LIBRARIES")) {
    if (matches_any(patterns, name)) return true;
  }
  for (const char* folder : kExtensionFolders) {
    if (object.path().find(folder) != std::string::npos) return false;
  }
  for (const char* folder : kSystemFolders) {
    if (object.path().starts_with(folder)) return !needs_python(object);
  }
  return false;
}

}  // namespace sesha::images
