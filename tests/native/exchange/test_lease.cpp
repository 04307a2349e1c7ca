#include "exchange/lease.h"

#include <thread>
#include <vector>

#include "check.h"
#include "exchange/lender.h"

using sesha::tests::Lender;
using sesha::tests::Loan;

namespace {

/// Nothing comes back while a reference is left, and the last one only queues it.
void test_released_once_after_last_reference(Lender& lender) {
  Loan loan;
  sesha_lease* lease = loan.lend(lender);
  CHECK(sesha_lease_count(lender.interpreter) == 1);
  sesha_lease_retain(lease);
  sesha_lease_release(lease);
  CHECK(lender.run() == 0);
  {
    std::scoped_lock lock(lender.gil);
    sesha_lease_release(lease);
    CHECK(loan.returned == 0);
    CHECK(sesha_releases_run(lender.interpreter) == 1);
    CHECK(sesha_releases_run(lender.interpreter) == 0);
  }
  CHECK(loan.returned == 1);
  CHECK(sesha_lease_count(lender.interpreter) == 0);
  sesha_lease_release(nullptr);
}

/// Memory inside a live lease is found with it; memory that sticks out or was given back is not.
void test_find(Lender& lender) {
  Loan loan;
  CHECK(sesha_lease_find(loan.memory, 1) == nullptr);
  sesha_lease* lease = loan.lend(lender);
  for (size_t offset : {0, 1, 255}) {
    sesha_lease* found = sesha_lease_find(loan.memory + offset, 256 - offset);
    CHECK(found == lease);
    sesha_lease_release(found);
  }
  CHECK(sesha_lease_find(loan.memory, 257) == nullptr);
  CHECK(sesha_lease_find(loan.memory + 1, 256) == nullptr);
  CHECK(sesha_lease_find(loan.memory - 1, 2) == nullptr);
  sesha_lease_release(lease);
  CHECK(sesha_lease_find(loan.memory, 1) == nullptr);
  while (loan.returned == 0) lender.run();
}

/// A small lease at the start of a large one does not hide it.
void test_find_among_overlapping(Lender& lender) {
  Loan loan;
  sesha_lease* whole = loan.lend(lender);
  const sesha_loan start = {loan.memory + 8, 8, lender.interpreter, [](void*) {}, nullptr};
  sesha_lease* piece = sesha_lease_new(&start);
  sesha_lease* found = sesha_lease_find(loan.memory + 8, 64);
  CHECK(found == whole);
  for (sesha_lease* lease : {found, whole, piece}) sesha_lease_release(lease);
  while (loan.returned == 0) lender.run();
}

/// Leases of objects have no memory by which they could be found.
void test_object_lease(Lender& lender) {
  int object = 0;
  const sesha_loan loan = {nullptr, 0, lender.interpreter,
                           [](void* context) { ++*static_cast<int*>(context); }, &object};
  sesha_lease* lease = sesha_lease_new(&loan);
  CHECK(sesha_lease_loan(lease)->context == &object);
  CHECK(sesha_lease_find(nullptr, 0) == nullptr);
  std::scoped_lock lock(lender.gil);
  sesha_lease_release(lease);
  sesha_releases_run(lender.interpreter);
  CHECK(object == 1);
}

/// Threads that find, retain and release at once, against one that lends anew: each loan returns
/// once.
void test_stress(Lender& lender) {
  constexpr int kRounds = 500;
  static Loan loans[8];
  std::atomic<bool> done{false};
  std::atomic<long> lent{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&done, t] {
      for (unsigned i = t; !done; ++i) {
        sesha_lease* lease = sesha_lease_find(loans[i % 8].memory + i % 200, 16);
        if (lease == nullptr) continue;
        sesha_lease_retain(lease);
        sesha_lease_release(lease);
        sesha_lease_release(lease);
      }
    });
  }
  std::thread owner([&] {
    for (int i = 0; i < kRounds; ++i) {
      sesha_lease* lease = loans[i % 8].lend(lender);
      ++lent;
      std::this_thread::yield();
      sesha_lease_release(lease);
      if (i % 16 == 0) lender.run();
    }
  });
  owner.join();
  done = true;
  for (std::thread& thread : threads) thread.join();
  while (sesha_lease_count(lender.interpreter) != 0) lender.run();
  long returned = 0;
  for (Loan& loan : loans) returned += loan.returned;
  CHECK(returned == lent);
}

/// After the close nothing runs any more, and the leases themselves are freed.
void test_closed_queue() {
  auto& lender = *new Lender;
  Loan queued;
  Loan late;
  sesha_lease* first = queued.lend(lender);
  sesha_lease* second = late.lend(lender);
  lender.gil.lock();
  sesha_lease_release(first);
  lender.gil.unlock();
  const bool ran = queued.returned == 1;  // the attendant may have been quick
  sesha_releases_close(lender.interpreter);
  sesha_releases_close(lender.interpreter);
  sesha_lease_release(second);
  CHECK(lender.run() == 0);
  CHECK(late.returned == 0);
  CHECK(queued.returned <= 1 && (!ran || queued.returned == 1));
  CHECK(sesha_lease_count(lender.interpreter) == 0);
}

}  // namespace

int main() {
  auto& lender = *new Lender;
  test_released_once_after_last_reference(lender);
  test_find(lender);
  test_find_among_overlapping(lender);
  test_object_lease(lender);
  test_stress(lender);
  test_closed_queue();
  CHECK(sesha_lease_count(nullptr) == 0);
}
