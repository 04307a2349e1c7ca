#include "binding/arenas.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sys/mman.h>

#include <map>
#include <mutex>

namespace sesha::binding {
namespace {

std::mutex mutex;
std::map<void*, size_t>& arenas = *new std::map<void*, size_t>();

void* allocate(void*, size_t size) {
  void* arena = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (arena == MAP_FAILED) return nullptr;
  std::scoped_lock lock(mutex);
  arenas.emplace(arena, size);
  return arena;
}

void release(void*, void* arena, size_t size) {
  {
    std::scoped_lock lock(mutex);
    arenas.erase(arena);
  }
  munmap(arena, size);
}

}  // namespace

void own_arenas() {
  PyObjectArenaAllocator allocator{nullptr, allocate, release};
  PyObject_SetArenaAllocator(&allocator);
}

void free_arenas() {
  std::scoped_lock lock(mutex);
  for (auto [arena, size] : arenas) munmap(arena, size);
  arenas.clear();
}

}  // namespace sesha::binding
