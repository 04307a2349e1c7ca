#include "exchange/leased_tensor.h"

#include <cstdlib>
#include <cstring>

namespace {

/// One block: the managed tensor, then shape, then strides.
template <typename Managed>
Managed* make(const DLTensor* tensor, sesha_lease* lease) {
  const auto ndim = static_cast<size_t>(tensor->ndim);
  auto* managed = static_cast<Managed*>(malloc(sizeof(Managed) + 2 * ndim * sizeof(int64_t)));
  if (managed == nullptr) return nullptr;
  auto* extents = reinterpret_cast<int64_t*>(managed + 1);
  if (ndim != 0) {
    memcpy(extents, tensor->shape, ndim * sizeof(int64_t));
    memcpy(extents + ndim, tensor->strides, ndim * sizeof(int64_t));
  }
  managed->dl_tensor = *tensor;
  managed->dl_tensor.shape = extents;
  managed->dl_tensor.strides = extents + ndim;
  managed->manager_ctx = lease;
  managed->deleter = [](Managed* self) {
    sesha_lease_release(static_cast<sesha_lease*>(self->manager_ctx));
    free(self);
  };
  if (lease != nullptr) sesha_lease_retain(lease);
  return managed;
}

}  // namespace

extern "C" DLManagedTensorVersioned* sesha_leased_tensor(const DLTensor* tensor, sesha_lease* lease,
                                                         int readonly) {
  auto* managed = make<DLManagedTensorVersioned>(tensor, lease);
  if (managed == nullptr) return nullptr;
  managed->version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
  managed->flags = readonly != 0 ? DLPACK_FLAG_BITMASK_READ_ONLY : 0;
  return managed;
}

extern "C" DLManagedTensor* sesha_leased_tensor_unversioned(const DLTensor* tensor,
                                                            sesha_lease* lease) {
  return make<DLManagedTensor>(tensor, lease);
}
