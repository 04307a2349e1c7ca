#include "guests/guest.h"

#include <dlfcn.h>

#include <exception>
#include <mutex>
#include <unordered_map>

#include "guests/registry.h"
#include "guests/spaces.h"
#include "images/loader.h"

namespace sesha::guests {
namespace {

std::mutex mutex;
/// Spaces by interpreter index; never freed, as images are never unloaded.
auto& spaces = *new std::unordered_map<uint32_t, images::Space*>();

}  // namespace

images::Space* space_of(const sesha_interpreter* interpreter) {
  if (interpreter == nullptr) return nullptr;
  std::scoped_lock lock(mutex);
  auto found = spaces.find(interpreter->index);
  return found == spaces.end() ? nullptr : found->second;
}

namespace {

images::Space* add_space(uint32_t index) {
  auto* space = new images::Space(index);
  std::scoped_lock lock(mutex);
  spaces[index] = space;
  return space;
}

}  // namespace
}  // namespace sesha::guests

extern "C" sesha_status sesha_guest_start(const char* python_library, const char* binding,
                                          const void* options, sesha_interpreter** started) {
  *started = nullptr;
  try {
    sesha_interpreter* self = sesha::guests::add_interpreter();
    sesha::images::Space* space = sesha::guests::add_space(self->index);
    space->open_python(python_library);
    void* handle = space->open(binding, RTLD_NOW, nullptr);
    auto boot = reinterpret_cast<sesha_boot>(space->symbol(handle, SESHA_BOOT, nullptr));
    if (boot == nullptr)
      return sesha_fail(SESHA_ERROR, "%s does not export %s: build it again", binding, SESHA_BOOT);
    const sesha_binding* table = nullptr;
    const sesha_status status = boot(self, options, &table);
    if (status != SESHA_OK) return status;
    if (table->abi != SESHA_BINDING_ABI) {
      return sesha_fail(SESHA_ERROR, "%s was built for another libsesha: install sesha again",
                        binding);
    }
    self->binding.store(table, std::memory_order_release);
    self->alive = true;
    *started = self;
    return SESHA_OK;
  } catch (const std::exception& error) {
    return sesha_fail(SESHA_ERROR, "%s", error.what());
  }
}

extern "C" sesha_status sesha_guest_stop(sesha_interpreter* interpreter) {
  if (!interpreter->alive.exchange(false)) return SESHA_OK;
  return sesha_interpreter_binding(interpreter)->finalize(interpreter);
}

extern "C" sesha_interpreter* sesha_guest_at(const void* address) {
  sesha::images::Library* library = sesha::images::library_at(address);
  return library == nullptr ? nullptr : sesha::guests::interpreter_at(library->space->index());
}
