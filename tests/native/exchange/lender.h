// An interpreter without Python, for tests: a mutex stands for its GIL.
#ifndef SESHA_TESTS_EXCHANGE_LENDER_H_
#define SESHA_TESTS_EXCHANGE_LENDER_H_

#include <atomic>
#include <mutex>

#include "exchange/lease.h"
#include "guests/registry.h"

namespace sesha::tests {

/// Never destroyed, as interpreters' entries are.
struct Lender {
  sesha_interpreter* interpreter = guests::add_interpreter();
  std::mutex gil;
  std::atomic<int> drains{0};

  Lender() {
    static const sesha_binding binding = {
        .abi = SESHA_BINDING_ABI,
        .call = nullptr,
        .drain =
            [](sesha_interpreter* self) {
              Lender& lender = *by_index[sesha_interpreter_index(self)];
              std::scoped_lock lock(lender.gil);
              ++lender.drains;
              sesha_releases_run(self);
            },
        .interrupt = nullptr,
        .finalize = nullptr,
    };
    by_index[sesha_interpreter_index(interpreter)] = this;
    interpreter->binding.store(&binding);
    interpreter->alive = true;
  }

  /// Runs what is queued, as a call of this interpreter does.
  size_t run() {
    std::scoped_lock lock(gil);
    return sesha_releases_run(interpreter);
  }

  static inline Lender* by_index[64] = {};
};

/// Something lent, which counts how often it came back.
struct Loan {
  std::atomic<int> returned{0};
  char memory[256] = {};

  sesha_lease* lend(Lender& lender) {
    const sesha_loan loan = {memory, sizeof memory, lender.interpreter,
                             [](void* context) { ++static_cast<Loan*>(context)->returned; }, this};
    return sesha_lease_new(&loan);
  }
};

}  // namespace sesha::tests

#endif  // SESHA_TESTS_EXCHANGE_LENDER_H_
