#include "exchange/lease.h"

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <new>

#include "exchange/attendant.h"
#include "guests/registry.h"

namespace {

using Leases = std::multimap<uintptr_t, sesha_lease*>;

/// Leases of memory, by the address where it starts. On the heap and never freed: threads outlive
/// static destructors.
Leases& leases = *new Leases;
std::mutex& mutex = *new std::mutex;

/// How many leases before an address are looked at for one that covers it; only when memory is lent
/// in overlapping pieces may a covering lease lie further away, and then a new lease is as good.
constexpr int kLookBack = 16;

std::atomic<size_t> live{0};

__attribute__((constructor)) void handle_fork() {
  pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });
}

}  // namespace

struct sesha_lease : sesha::exchange::QueuedRelease {
  sesha_loan loan{};
  std::atomic<uint32_t> references{1};
  Leases::iterator place;
};

namespace {

void forget(sesha_lease* lease) {
  lease->loan.origin->releases.leases.fetch_sub(1, std::memory_order_relaxed);
  live.fetch_sub(1, std::memory_order_relaxed);
  delete lease;
}

}  // namespace

extern "C" sesha_lease* sesha_lease_new(const sesha_loan* loan) {
  auto* lease = new (std::nothrow) sesha_lease;
  if (lease == nullptr) return nullptr;
  lease->loan = *loan;
  if (loan->data != nullptr) {
    try {
      std::scoped_lock lock(mutex);
      lease->place = leases.emplace(reinterpret_cast<uintptr_t>(loan->data), lease);
    } catch (const std::bad_alloc&) {
      delete lease;
      return nullptr;
    }
  }
  loan->origin->releases.leases.fetch_add(1, std::memory_order_relaxed);
  live.fetch_add(1, std::memory_order_relaxed);
  return lease;
}

extern "C" void sesha_lease_retain(sesha_lease* lease) {
  lease->references.fetch_add(1, std::memory_order_relaxed);
}

extern "C" void sesha_lease_release(sesha_lease* lease) {
  if (lease == nullptr || lease->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (lease->loan.data != nullptr) {
    // Until here sesha_lease_find() may meet the lease, and passes it over since it has no
    // reference.
    std::scoped_lock lock(mutex);
    leases.erase(lease->place);
  }
  sesha_interpreter* origin = lease->loan.origin;
  if (origin->releases.push(lease)) {
    sesha::exchange::attend(origin);
  } else {
    forget(lease);
  }
}

extern "C" const sesha_loan* sesha_lease_loan(const sesha_lease* lease) { return &lease->loan; }

extern "C" sesha_lease* sesha_lease_find(const void* data, size_t size) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  std::scoped_lock lock(mutex);
  auto place = leases.upper_bound(address);
  for (int looked = 0; looked < kLookBack && place != leases.begin(); ++looked) {
    --place;
    sesha_lease* lease = place->second;
    const size_t offset = address - place->first;
    if (offset > lease->loan.size || lease->loan.size - offset < size) continue;
    uint32_t references = lease->references.load(std::memory_order_relaxed);
    while (references != 0) {
      if (lease->references.compare_exchange_weak(
              references, references + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
        return lease;
      }
    }
  }
  return nullptr;
}

extern "C" size_t sesha_lease_count(const sesha_interpreter* origin) {
  return origin == nullptr ? live.load() : origin->releases.leases.load();
}

extern "C" int sesha_releases_pending(const sesha_interpreter* origin) {
  return origin->releases.has_entries() ? 1 : 0;
}

extern "C" size_t sesha_releases_run(sesha_interpreter* origin) {
  size_t count = 0;
  auto* entry = origin->releases.take();
  while (entry != nullptr) {
    auto* lease = static_cast<sesha_lease*>(entry);
    entry = entry->next;
    lease->loan.release(lease->loan.context);
    forget(lease);
    ++count;
  }
  return count;
}

extern "C" void sesha_releases_close(sesha_interpreter* origin) {
  auto* entry = origin->releases.close();
  while (entry != nullptr) {
    auto* lease = static_cast<sesha_lease*>(entry);
    entry = entry->next;
    forget(lease);
  }
  sesha::exchange::wait_until_unattended(origin);
}
