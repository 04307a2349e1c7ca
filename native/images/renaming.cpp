#include "images/renaming.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "images/interposed.h"
#include "images/naming.h"
#include "images/object.h"

namespace sesha::images {

bool runtime_defines(std::string_view name, uint32_t gnu_hash) {
  static const auto& runtimes = *new std::vector<std::shared_ptr<const Object>>([] {
    std::vector<std::shared_ptr<const Object>> found;
    for (const char* library : {"libc.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libm.so.6",
                                "libpthread.so.0", "libdl.so.2", "librt.so.1"}) {
      void* handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
      link_map* map = nullptr;
      if (handle != nullptr && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0)
        found.push_back(Object::open(map->l_name));
    }
    return found;
  }());
  return std::any_of(runtimes.begin(), runtimes.end(),
                     [&](const auto& object) { return object->defines(name, gnu_hash); });
}

std::string image_name(const Elf64_Sym& symbol, std::string_view name,
                       const std::function<bool(std::string_view, uint32_t)>& defined_by_image) {
  const bool undefined = symbol.st_shndx == SHN_UNDEF;
  if (undefined) {
    if (auto interposed = interposed_name(name)) return std::string(*interposed);
  }
  if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) return std::string(name);
  const uint32_t hash = gnu_hash(name);
  const bool ours = !undefined || defined_by_image(name, hash);
  return ours && !runtime_defines(name, hash) ? renamed(name) : std::string(name);
}

}  // namespace sesha::images
