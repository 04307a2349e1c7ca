#include "exchange/message.h"

#include <cstdlib>
#include <cstring>

namespace {

/// Small calls need one allocation.
struct Message {
  sesha_message message;
  sesha_lease* first_leases[4];
  uint8_t first_bytes[448];
};

Message* whole(sesha_message* message) { return reinterpret_cast<Message*>(message); }

/// Grows an array that starts out inside the Message; null, with everything as it was, when memory
/// ran out.
void* grow(void* current, const void* first, size_t used, size_t bytes) {
  if (current != first) return realloc(current, bytes);
  void* grown = malloc(bytes);
  if (grown != nullptr) memcpy(grown, current, used);
  return grown;
}

}  // namespace

extern "C" sesha_message* sesha_message_new(uint32_t kind) {
  auto* made = static_cast<Message*>(malloc(sizeof(Message)));
  if (made == nullptr) return nullptr;
  made->message =
      sesha_message{.bytes = made->first_bytes,
                    .size = 0,
                    .capacity = sizeof made->first_bytes,
                    .leases = made->first_leases,
                    .lease_count = 0,
                    .lease_capacity = sizeof made->first_leases / sizeof made->first_leases[0],
                    .kind = kind,
                    .flags = 0,
                    .target = SESHA_ANY_INTERPRETER,
                    .serial = 0};
  return &made->message;
}

extern "C" void sesha_message_clear(sesha_message* message) {
  for (size_t i = 0; i < message->lease_count; ++i) sesha_lease_release(message->leases[i]);
  message->lease_count = 0;
  message->size = 0;
  message->target = SESHA_ANY_INTERPRETER;
}

extern "C" void sesha_message_free(sesha_message* message) {
  if (message == nullptr) return;
  sesha_message_clear(message);
  if (message->bytes != whole(message)->first_bytes) free(message->bytes);
  if (message->leases != whole(message)->first_leases) free(message->leases);
  free(message);
}

extern "C" uint8_t* sesha_message_extend(sesha_message* message, size_t size) {
  if (size > message->capacity - message->size) {
    const size_t needed = message->size + size;
    if (needed < size || needed > SIZE_MAX / 2) return nullptr;
    const size_t capacity = needed > message->capacity * 2 ? needed : message->capacity * 2;
    void* grown = grow(message->bytes, whole(message)->first_bytes, message->size, capacity);
    if (grown == nullptr) return nullptr;
    message->bytes = static_cast<uint8_t*>(grown);
    message->capacity = capacity;
  }
  uint8_t* room = message->bytes + message->size;
  message->size += size;
  return room;
}

extern "C" sesha_status sesha_message_add_lease(sesha_message* message, sesha_lease* lease,
                                                uint32_t* index) {
  if (message->lease_count == message->lease_capacity) {
    const size_t capacity = message->lease_capacity * 2;
    void* grown = capacity > UINT32_MAX ? nullptr
                                        : grow(message->leases, whole(message)->first_leases,
                                               message->lease_count * sizeof(sesha_lease*),
                                               capacity * sizeof(sesha_lease*));
    if (grown == nullptr) {
      sesha_lease_release(lease);
      return sesha_fail(SESHA_MEMORY,
                        "out of memory: a message with %zu leases can't take one more",
                        message->lease_count);
    }
    message->leases = static_cast<sesha_lease**>(grown);
    message->lease_capacity = capacity;
  }
  *index = static_cast<uint32_t>(message->lease_count);
  message->leases[message->lease_count++] = lease;
  return SESHA_OK;
}
