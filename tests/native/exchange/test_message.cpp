#include "exchange/message.h"

#include <cstring>
#include <string>

#include "check.h"
#include "exchange/leased_tensor.h"
#include "exchange/lender.h"

using sesha::tests::Lender;
using sesha::tests::Loan;

namespace {

/// Bytes and leases keep their places when a message outgrows its first block.
void test_grows(Lender& lender) {
  Loan loan;
  sesha_message* message = sesha_message_new(SESHA_MESSAGE_VALUE);
  CHECK(message->target == SESHA_ANY_INTERPRETER && message->kind == SESHA_MESSAGE_VALUE);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string piece(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    memcpy(sesha_message_extend(message, piece.size()), piece.data(), piece.size());
    expected += piece;
    uint32_t index = 0;
    CHECK(sesha_message_add_lease(message, loan.lend(lender), &index) == SESHA_OK);
    CHECK(index == static_cast<uint32_t>(i));
  }
  CHECK(std::string(reinterpret_cast<char*>(message->bytes), message->size) == expected);
  CHECK(sesha_lease_count(lender.interpreter) == 100);
  sesha_message_free(message);
  while (sesha_lease_count(lender.interpreter) != 0) lender.run();
  CHECK(loan.returned == 100);
  sesha_message_free(nullptr);
}

/// A message that is cleared holds nothing and can be filled again.
void test_clear(Lender& lender) {
  Loan loan;
  sesha_message* message = sesha_message_new(SESHA_MESSAGE_CALL);
  uint32_t index = 0;
  CHECK(sesha_message_add_lease(message, loan.lend(lender), &index) == SESHA_OK);
  sesha_message_extend(message, 10);
  message->target = 3;
  sesha_message_clear(message);
  CHECK(message->size == 0 && message->lease_count == 0 &&
        message->target == SESHA_ANY_INTERPRETER);
  sesha_message_extend(message, 4);
  CHECK(message->size == 4);
  sesha_message_free(message);
  while (loan.returned == 0) lender.run();
}

/// A size that no memory can hold is refused and leaves the message as it was.
void test_refuses_absurd_sizes() {
  sesha_message* message = sesha_message_new(SESHA_MESSAGE_CALL);
  sesha_message_extend(message, 10);
  CHECK(sesha_message_extend(message, SIZE_MAX - 4) == nullptr);
  CHECK(sesha_message_extend(message, SIZE_MAX / 2 + 1) == nullptr);
  CHECK(message->size == 10);
  sesha_message_free(message);
}

/// A tensor has its own copy of shape and strides and gives its lease back with its deleter.
void test_leased_tensor(Lender& lender) {
  Loan loan;
  sesha_lease* lease = loan.lend(lender);
  int64_t shape[] = {2, 3};
  int64_t strides[] = {3, 1};
  const DLTensor tensor = {loan.memory, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, strides, 0};
  DLManagedTensorVersioned* readonly = sesha_leased_tensor(&tensor, lease, 1);
  DLManagedTensor* plain = sesha_leased_tensor_unversioned(&tensor, lease);
  shape[0] = strides[0] = 0;
  sesha_lease_release(lease);
  CHECK(readonly->version.major == 1 && readonly->flags == DLPACK_FLAG_BITMASK_READ_ONLY);
  CHECK(readonly->dl_tensor.shape[0] == 2 && readonly->dl_tensor.strides[0] == 3);
  CHECK(plain->dl_tensor.shape[1] == 3 && plain->dl_tensor.data == loan.memory);
  readonly->deleter(readonly);
  CHECK(sesha_lease_count(lender.interpreter) == 1);
  plain->deleter(plain);
  while (loan.returned == 0) lender.run();
  const DLTensor empty = {nullptr, {kDLCPU, 0}, 0, {kDLFloat, 32, 1}, nullptr, nullptr, 0};
  DLManagedTensorVersioned* none = sesha_leased_tensor(&empty, nullptr, 0);
  none->deleter(none);
}

}  // namespace

int main() {
  auto& lender = *new Lender;
  test_grows(lender);
  test_clear(lender);
  test_refuses_absurd_sizes();
  test_leased_tensor(lender);
}
