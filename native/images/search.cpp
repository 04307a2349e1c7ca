#include "images/search.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <fstream>
#include <iterator>

namespace sesha::images {
namespace {

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// LD_LIBRARY_PATH at the start of the process: the dynamic loader ignores what is set later.
const std::string& library_path() {
  static const std::string& value = *new std::string([] {
    const std::string text = read_file("/proc/self/environ");
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
      std::string path = folder;
      path.append(1, '/').append(capability).append(name);
      // As the loader does, go on past a file that is no library.
      if (access(path.c_str(), R_OK) == 0 && Object::is_elf(path)) return path;
    }
  }
  return std::nullopt;
}

void replace(std::string& text, std::string_view token, std::string_view by) {
  for (size_t at = text.find(token); at != std::string::npos;
       at = text.find(token, at + by.size())) {
    text.replace(at, token.size(), by);
  }
}

/// DT_RPATH of the program itself, which every library inherits: conda's Python has one.
const std::vector<std::string>& program_folders() {
  static const std::vector<std::string>& folders =
      *new std::vector<std::string>([]() -> std::vector<std::string> {
        void* program = dlopen(nullptr, RTLD_LAZY);
        link_map* map = nullptr;
        if (program == nullptr || dlinfo(program, RTLD_DI_LINKMAP, &map) != 0 ||
            map->l_ld == nullptr)
          return {};
        std::optional<uint64_t> rpath;
        uintptr_t strings = 0;
        for (const Elf64_Dyn* item = map->l_ld; item->d_tag != DT_NULL; ++item) {
          if (item->d_tag == DT_RUNPATH) return {};
          if (item->d_tag == DT_RPATH) rpath = item->d_un.d_val;
          if (item->d_tag == DT_STRTAB) strings = item->d_un.d_ptr;
        }
        if (!rpath || strings == 0) return {};
        if (strings < map->l_addr)
          strings += map->l_addr;  // some loaders leave the dynamic section as it is
        char path[PATH_MAX];
        const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
        const std::string_view file(path, size > 0 ? static_cast<size_t>(size) : 0);
        return expand(reinterpret_cast<const char*>(strings + *rpath),
                      file.substr(0, file.rfind('/')));
      }());
  return folders;
}

}  // namespace

// The format is glibc's dl-cache.h: a header, entries with offsets from its beginning, strings; in
// older caches it stands behind one of an older format. The first entry of a name is the one that
// fits best; names are compared as they are, since hardware capabilities only choose between builds
// of one library.
std::optional<std::string> find_in_cache(std::string_view name) {
  static const std::string& cache = *new std::string(read_file("/etc/ld.so.cache"));
  constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
  struct Header {
    char magic[20];
    uint32_t count;
    uint32_t unused[6];
  };
  struct Entry {
    int32_t flags;
    uint32_t name, path, os;
    uint64_t capabilities;
  };
  constexpr int32_t kLibrary64 = sizeof(void*) == 8 ? 0x0300 : 0;  // flags of x86-64
  const size_t start = cache.find(kMagic);
  if (start == std::string::npos || cache.size() - start < sizeof(Header) || cache.back() != '\0')
    return std::nullopt;
  Header header;
  std::memcpy(&header, cache.data() + start, sizeof header);
  const size_t room = (cache.size() - start - sizeof header) / sizeof(Entry);
  for (size_t k = 0; k < std::min<size_t>(header.count, room); ++k) {
    Entry entry;
    std::memcpy(&entry, cache.data() + start + sizeof header + k * sizeof entry, sizeof entry);
    if (entry.name >= cache.size() - start || entry.path >= cache.size() - start) continue;
#if defined(__x86_64__)
    if ((entry.flags & 0xff00) != kLibrary64) continue;
#else
    (void)kLibrary64;
#endif
    if (name == cache.data() + start + entry.name) return cache.data() + start + entry.path;
  }
  return std::nullopt;
}

std::vector<std::string> expand(std::string_view list, std::string_view origin,
                                const char* separators) {
  std::vector<std::string> folders;
  while (true) {
    const size_t end = list.find_first_of(separators);
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
    if (!chain.empty()) {
      for (std::string_view token : {"${ORIGIN}", "$ORIGIN"})
        replace(path, token, chain.front()->origin());
    }
    return path;
  }
  const auto runpath = chain.empty() ? std::nullopt : chain.front()->runpath();
  if (!runpath) {
    for (const Object* object : chain) {
      const auto rpath = object->rpath();
      if (!rpath || object->runpath()) continue;
      if (auto found = find_in(expand(*rpath, object->origin()), name)) return found;
    }
    if (auto found = find_in(program_folders(), name)) return found;
  }
  if (!library_path().empty()) {
    if (auto found = find_in(expand(library_path(), "", ":;"), name)) return found;
  }
  if (runpath) {
    if (auto found = find_in(expand(*runpath, chain.front()->origin()), name)) return found;
  }
  return std::nullopt;
}

}  // namespace sesha::images
