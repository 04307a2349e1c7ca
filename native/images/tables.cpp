#include "images/tables.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
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
  std::unique_ptr<File> file;  // made when the first entry is
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

/// Where in the file the tables are, which are added if they are not in it yet. Throws Error when
/// the store can't grow. Needs the store's lock.
uint64_t find_or_add(const void* data, size_t size) {
  const size_t hash = std::hash<std::string_view>{}({static_cast<const char*>(data), size});
  auto [begin, end] = store.entries.equal_range(hash);
  for (auto entry = begin; entry != end; ++entry) {
    const auto [offset, entry_size] = entry->second;
    if (entry_size == size && equal(store, offset, data, size)) return offset;
  }
  if (!store.file) store.file = std::make_unique<File>(File::create("tables"));
  const uint64_t place = store.size;
  store.file->resize(place + size);
  store.file->write(place, data, size);
  store.entries.emplace(hash, std::pair{place, size});
  store.size += size;
  return place;
}

}  // namespace

bool share_tables(void* address, size_t size) {
  if (size == 0) return true;
  std::scoped_lock lock(store.mutex);
  uint64_t place = 0;
  try {
    place = find_or_add(address, size);
  } catch (const Error&) {
    return false;
  }
  // A mapping that fails may have taken away what was there.
  if (mmap(address, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, store.file->descriptor(),
           static_cast<off_t>(place)) == MAP_FAILED) {
    throw Error(std::string("cannot map the tables of an image: ") + std::strerror(errno) +
                ". If the process has very many mappings, raise the system's vm.max_map_count");
  }
  return true;
}

}  // namespace sesha::images
