// The interpreters of this process, by index.
#ifndef SESHA_GUESTS_REGISTRY_H_
#define SESHA_GUESTS_REGISTRY_H_

#include <atomic>

#include "exchange/release_queue.h"
#include "sesha.h"

/// Entries are never freed: a lease or a late thread may name an interpreter long after its end.
struct sesha_interpreter {
  uint32_t index = 0;
  std::atomic<const sesha_binding*> binding{nullptr};
  std::atomic<bool> alive{false};
  sesha::exchange::ReleaseQueue releases;  // what it lent and is given back
};

namespace sesha::guests {

/// A new entry with the next index, not yet alive. Thread-safe.
sesha_interpreter* add_interpreter();
/// The entry of that index, alive or not; null when there was none. Thread-safe.
sesha_interpreter* interpreter_at(uint32_t index);

}  // namespace sesha::guests

#endif  // SESHA_GUESTS_REGISTRY_H_
