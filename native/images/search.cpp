#include "images/search.h"

#include <unistd.h>

#include <fstream>
#include <iterator>

namespace sesha::images {
namespace {

/// LD_LIBRARY_PATH at the start of the process: the dynamic loader ignores what is set later.
const std::string& library_path() {
  static const std::string& value = *new std::string([] {
    std::ifstream file("/proc/self/environ", std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    constexpr std::string_view key = "LD_LIBRARY_PATH=";
    for (size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) {
      if (std::string_view(text).substr(at).starts_with(key)) {
        const size_t from = at + key.size();
        return text.substr(from, text.find('\0', from) - from);
      }
      if (text.find('\0', at) == std::string::npos) break;
    }
    return std::string();
  }());
  return value;
}

/// Sub-folders that the loader tries first in every folder, for processors that can more.
const std::vector<std::string>& capability_folders() {
  static const std::vector<std::string>& folders = *new std::vector<std::string>([] {
    std::vector<std::string> found;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("x86-64-v4")) found.emplace_back("glibc-hwcaps/x86-64-v4/");
    if (__builtin_cpu_supports("x86-64-v3")) found.emplace_back("glibc-hwcaps/x86-64-v3/");
    if (__builtin_cpu_supports("x86-64-v2")) found.emplace_back("glibc-hwcaps/x86-64-v2/");
#endif
    found.emplace_back("");
    return found;
  }());
  return folders;
}

std::optional<std::string> find_in(const std::vector<std::string>& folders, std::string_view name) {
  for (const std::string& folder : folders) {
    for (const std::string& capability : capability_folders()) {
      std::string path = folder + "/" + capability + std::string(name);
      // As the loader does, go on past a file that is no library.
      if (access(path.c_str(), R_OK) == 0 && Object::is_elf(path)) return path;
    }
  }
  return std::nullopt;
}

void replace(std::string& text, std::string_view token, std::string_view by) {
  for (size_t at = text.find(token); at != std::string::npos; at = text.find(token, at + by.size())) {
    text.replace(at, token.size(), by);
  }
}

}  // namespace

std::vector<std::string> expand(std::string_view list, std::string_view origin) {
  std::vector<std::string> folders;
  while (true) {
    const size_t end = list.find_first_of(":;");
    std::string folder(list.substr(0, end));
    for (std::string_view token : {"${ORIGIN}", "$ORIGIN"}) replace(folder, token, origin);
    for (std::string_view token : {"${LIB}", "$LIB"}) {
#if defined(__x86_64__)
      replace(folder, token, "lib64");
#else
      replace(folder, token, "lib");
#endif
    }
    folders.push_back(folder.empty() ? "." : folder);
    if (end == std::string_view::npos) return folders;
    list.remove_prefix(end + 1);
  }
}

std::optional<std::string> find_library(std::string_view name, const Chain& chain) {
  if (name.find('/') != std::string_view::npos) {
    std::string path(name);
    if (!chain.empty()) replace(path, "$ORIGIN", chain.front()->origin());
    return path;
  }
  if (!chain.empty() && !chain.front()->runpath()) {
    for (const Object* object : chain) {
      if (!object->rpath() || object->runpath()) continue;
      if (auto found = find_in(expand(*object->rpath(), object->origin()), name)) return found;
    }
  }
  if (!library_path().empty()) {
    if (auto found = find_in(expand(library_path(), ""), name)) return found;
  }
  if (!chain.empty() && chain.front()->runpath()) {
    if (auto found = find_in(expand(*chain.front()->runpath(), chain.front()->origin()), name)) return found;
  }
  return std::nullopt;
}

}  // namespace sesha::images
