// Releases that wait for their interpreter.
//
// **Guarantees:** push() never blocks and never allocates; each entry leaves exactly once, either
// through take() or, once the queue is closed, by push() refusing it or close() returning it.
//
// **This code assumes:** entries stay in memory until they have left. A queue is never destroyed.
#ifndef SESHA_EXCHANGE_RELEASE_QUEUE_H_
#define SESHA_EXCHANGE_RELEASE_QUEUE_H_

#include <atomic>
#include <cstddef>

#include "sesha.h"

namespace sesha::exchange {

/// An entry; embedded in what it releases, so that a release can't fail for want of memory.
struct QueuedRelease {
  QueuedRelease* next = nullptr;
};

class ReleaseQueue {
 public:
  /// False if the queue is closed: the entry is the caller's again. Any thread.
  bool push(QueuedRelease* entry) {
    QueuedRelease* newest = newest_.load(std::memory_order_relaxed);
    do {
      if (newest == &closed_) return false;
      entry->next = newest;
      // Sequentially consistent, so that the attendant, which clears `listed` and then looks here,
      // misses nothing.
    } while (!newest_.compare_exchange_weak(newest, entry, std::memory_order_seq_cst,
                                            std::memory_order_relaxed));
    return true;
  }

  /// All entries, the oldest first. Any thread; entries go to one of those that take at once.
  QueuedRelease* take() {
    QueuedRelease* newest = newest_.load(std::memory_order_seq_cst);
    do {
      if (newest == nullptr || newest == &closed_) return nullptr;
    } while (!newest_.compare_exchange_weak(newest, nullptr, std::memory_order_acq_rel));
    return reversed(newest);
  }

  /// Closes the queue for ever and returns what was in it, the oldest first.
  QueuedRelease* close() {
    QueuedRelease* newest = newest_.exchange(&closed_, std::memory_order_seq_cst);
    return newest == &closed_ ? nullptr : reversed(newest);
  }

  bool has_entries() const {
    const QueuedRelease* newest = newest_.load(std::memory_order_seq_cst);
    return newest != nullptr && newest != &closed_;
  }
  bool is_closed() const { return newest_.load(std::memory_order_seq_cst) == &closed_; }

  /// In the attendant's list of queues to look at; the attendant's own.
  std::atomic<bool> listed{false};
  sesha_interpreter* next_listed = nullptr;
  /// Leases of this interpreter that have not yet been released or dropped.
  std::atomic<size_t> leases{0};

 private:
  static QueuedRelease* reversed(QueuedRelease* newest) {
    QueuedRelease* oldest = nullptr;
    while (newest != nullptr) {
      QueuedRelease* next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

  inline static QueuedRelease closed_{};
  std::atomic<QueuedRelease*> newest_{nullptr};
};

}  // namespace sesha::exchange

#endif  // SESHA_EXCHANGE_RELEASE_QUEUE_H_
