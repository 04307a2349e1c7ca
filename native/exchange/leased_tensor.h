// DLPack tensors over leased memory.
//
// **Guarantees:** the deleters retain nothing of Python and may run in any thread, with any GIL or
// none, exactly once; they live in libsesha, which stays loaded, so a consumer may keep a tensor
// beyond the end of an interpreter.
#ifndef SESHA_EXCHANGE_LEASED_TENSOR_H_
#define SESHA_EXCHANGE_LEASED_TENSOR_H_

#include "exchange/dlpack.h"
#include "exchange/lease.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A managed tensor with a copy of `tensor` (its shape and strides too; strides must not be null)
/// that retains `lease` (null for memory of size zero) until its deleter runs. Null when memory ran
/// out.
SESHA_API DLManagedTensorVersioned* sesha_leased_tensor(const DLTensor* tensor, sesha_lease* lease,
                                                        int readonly);
/// The same for consumers from before DLPack 1.0, which know no read-only tensors.
SESHA_API DLManagedTensor* sesha_leased_tensor_unversioned(const DLTensor* tensor,
                                                           sesha_lease* lease);

#ifdef __cplusplus
}
#endif
#endif  // SESHA_EXCHANGE_LEASED_TENSOR_H_
