#include "exchange/attendant.h"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "check.h"
#include "exchange/lender.h"

using sesha::tests::Lender;
using sesha::tests::Loan;

namespace {

void wait_for(const std::atomic<int>& counter, int value) {
  while (counter < value) std::this_thread::yield();
}

/// What nobody else gives back, the attendant does.
void test_serves_idle_lenders() {
  for (int i = 0; i < 3; ++i) {
    auto& lender = *new Lender;
    Loan loan;
    sesha_lease_release(loan.lend(lender));
    wait_for(loan.returned, 1);
    CHECK(loan.returned == 1);
  }
}

/// Many releases at once cost few visits: a visit takes all, and the timer bounds their number.
void test_visits_are_few() {
  constexpr int kLoans = 2000;
  auto& lender = *new Lender;
  std::vector<Loan> loans(kLoans);
  for (Loan& loan : loans) sesha_lease_release(loan.lend(lender));
  for (Loan& loan : loans) wait_for(loan.returned, 1);
  CHECK(lender.drains < kLoans / 4);
}

/// Once close returns, the attendant is outside for good, though others went on releasing.
void test_close_under_load() {
  for (int round = 0; round < 5; ++round) {
    auto& lender = *new Lender;
    Loan loan;
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        while (!done) sesha_lease_release(loan.lend(lender));
      });
    }
    while (lender.drains == 0) std::this_thread::yield();
    sesha_releases_close(lender.interpreter);
    const int drains = lender.drains;
    const int returned = loan.returned;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(lender.drains == drains);
    CHECK(loan.returned == returned);
    done = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(sesha_lease_count(lender.interpreter) == 0);
  }
}

/// A forked child, which has no attendant, starts its own.
[[maybe_unused]] void test_fork() {
  auto& lender = *new Lender;
  const pid_t child = fork();
  if (child == 0) {
    Loan loan;
    sesha_lease_release(loan.lend(lender));
    wait_for(loan.returned, 1);
    _exit(42);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

}  // namespace

int main() {
  test_serves_idle_lenders();
  test_visits_are_few();
  test_close_under_load();
#ifndef __SANITIZE_THREAD__  // which does not follow the threads of a forked child
  test_fork();
#endif
}
