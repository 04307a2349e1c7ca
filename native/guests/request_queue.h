// A place in a pool's queue, and the queue itself.
#ifndef SESHA_GUESTS_REQUEST_QUEUE_H_
#define SESHA_GUESTS_REQUEST_QUEUE_H_

#include <atomic>
#include <cstdint>

#include "guests/dispatch.h"
#include "guests/semaphore.h"

/// All but `references` is guarded by the pool's mutex until the request is granted.
struct sesha_request {
  std::atomic<uint32_t> references{1};
  sesha_pool* pool = nullptr;        ///< holds a reference
  sesha_interpreter* pin = nullptr;  ///< null for any
  uint64_t sequence = 0;             ///< order of arrival
  sesha_request_state state = SESHA_REQUEST_QUEUED;
  sesha_status failure = SESHA_OK;   ///< why, if failed
  sesha_slot* slot = nullptr;        ///< which, if granted
  sesha_drop drop = nullptr;         ///< null for a caller
  void* context = nullptr;           ///< of a task
  sesha::guests::Semaphore decided;  ///< of a caller: granted or failed
  sesha_request* previous = nullptr;
  sesha_request* next = nullptr;

  bool is_task() const { return drop != nullptr; }
};

namespace sesha::guests {

/// Requests in order of arrival, linked through themselves so that removal from the middle needs no
/// search.
class RequestQueue {
 public:
  sesha_request* front() const { return first_; }

  void push_back(sesha_request* request) {
    request->previous = last_;
    request->next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = request;
    last_ = request;
  }

  /// Back to where its age belongs, near the front.
  void put_back(sesha_request* request) {
    sesha_request* after = first_;
    while (after != nullptr && after->sequence < request->sequence) after = after->next;
    if (after == nullptr) return push_back(request);
    request->previous = after->previous;
    request->next = after;
    (after->previous == nullptr ? first_ : after->previous->next) = request;
    after->previous = request;
  }

  void remove(sesha_request* request) {
    (request->previous == nullptr ? first_ : request->previous->next) = request->next;
    (request->next == nullptr ? last_ : request->next->previous) = request->previous;
    request->previous = request->next = nullptr;
  }

 private:
  sesha_request* first_ = nullptr;
  sesha_request* last_ = nullptr;
};

}  // namespace sesha::guests

#endif  // SESHA_GUESTS_REQUEST_QUEUE_H_
