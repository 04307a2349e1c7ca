#include "images/tables.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "images/file.h"
#include "images/object.h"

namespace sesha::images {
namespace {

/// **Guarantees:** entries never change or move once they are in the file, so mappings of them stay
/// good for ever.
/// **This code assumes:** nobody else writes to the file, which has no name.
struct Store {
  std::mutex mutex;
  std::optional<File> file;
  uint64_t size = 0;
  /// By hash of the contents: offset and size in the file. Hashes can collide, so contents are
  /// compared.
  std::multimap<size_t, std::pair<uint64_t, size_t>> entries;
};

Store& store = *new Store();

bool equal(const Store& in, uint64_t offset, const void* data, size_t size) {
  void* entry =
      mmap(nullptr, size, PROT_READ, MAP_SHARED, in.file->descriptor(), static_cast<off_t>(offset));
  if (entry == MAP_FAILED) return false;
  const bool same = std::memcmp(entry, data, size) == 0;
  munmap(entry, size);
  return same;
}

}  // namespace

void share_tables(void* address, size_t size) {
  if (size == 0) return;
  const size_t hash = std::hash<std::string_view>{}({static_cast<const char*>(address), size});
  std::scoped_lock lock(store.mutex);
  std::optional<uint64_t> place;
  try {
    auto [begin, end] = store.entries.equal_range(hash);
    for (auto entry = begin; entry != end && !place; ++entry) {
      auto [offset, entry_size] = entry->second;
      if (entry_size == size && equal(store, offset, address, size)) place = offset;
    }
    if (!place) {
      if (!store.file) store.file = File::create("tables");
      store.file->resize(store.size + size);
      store.file->write(store.size, address, size);
      store.entries.emplace(hash, std::pair{store.size, size});
      place = store.size;
      store.size += size;
    }
  } catch (const Error&) {
    return;  // Sharing saves memory; the tables that are mapped already work as well.
  }
  // A mapping that fails may have taken away what was there.
  if (mmap(address, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, store.file->descriptor(),
           static_cast<off_t>(*place)) == MAP_FAILED) {
    throw Error(std::string("cannot map the tables of an image: ") + std::strerror(errno) +
                ". If the process has very many mappings, raise the system's vm.max_map_count");
  }
}

}  // namespace sesha::images
