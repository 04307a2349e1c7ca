#include "guests/registry.h"

#include <deque>
#include <mutex>

namespace sesha::guests {
namespace {

std::mutex mutex;
// A deque keeps addresses stable; on the heap and never freed, since threads outlive static
// destructors.
std::deque<sesha_interpreter>& entries = *new std::deque<sesha_interpreter>(1);

}  // namespace

sesha_interpreter* add_interpreter() {
  std::scoped_lock lock(mutex);
  sesha_interpreter& entry = entries.emplace_back();
  entry.index = static_cast<uint32_t>(entries.size() - 1);
  return &entry;
}

sesha_interpreter* interpreter_at(uint32_t index) {
  std::scoped_lock lock(mutex);
  return index < entries.size() ? &entries[index] : nullptr;
}

}  // namespace sesha::guests

using sesha::guests::entries;

extern "C" uint32_t sesha_interpreter_index(const sesha_interpreter* interpreter) {
  return interpreter->index;
}

extern "C" const sesha_binding* sesha_interpreter_binding(const sesha_interpreter* interpreter) {
  return interpreter->binding.load(std::memory_order_acquire);
}

extern "C" sesha_interpreter* sesha_register_host(const sesha_binding* binding) {
  std::scoped_lock lock(sesha::guests::mutex);
  sesha_interpreter& host = entries[0];
  if (!host.alive) {
    host.binding.store(binding, std::memory_order_release);
    host.alive = true;
  }
  return &host;
}

extern "C" sesha_interpreter* sesha_find_interpreter(uint32_t index) {
  std::scoped_lock lock(sesha::guests::mutex);
  if (index >= entries.size() || !entries[index].alive) return nullptr;
  return &entries[index];
}
