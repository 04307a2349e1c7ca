// Data of which an interpreter must have one copy, though several of its libraries define it.
//
// A C++ compiler puts what inline functions and templates keep (static variables, their guards,
// type information) into every library that uses it, and leaves it to the loader to make one of
// them count: with STB_GNU_UNIQUE for the whole process, with weak symbols for what is loaded by
// one call. Images are loaded one by one and would each find their own copy first, so in a later
// image the symbol becomes a reference to the earlier one's definition.
#ifndef SESHA_IMAGES_BORROWING_H_
#define SESHA_IMAGES_BORROWING_H_

#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "images/loader.h"

namespace sesha::images {

/// What a library takes from others.
struct Borrowed {
  std::unordered_set<size_t> symbols;   ///< by index
  std::vector<const Library*> lenders;  ///< those that are not in its scope anyway
};

/// The symbols that `library` defines and is to take from another: unique ones that a library in
/// `uniques` or the C++ runtime has, and weak data that a loaded library of its `scope` defines
/// weakly too.
Borrowed borrow(const Library& library, const std::vector<const Library*>& scope,
                const Uniques& uniques);

/// Enters the unique symbols that `library` defines and has not borrowed.
void lend(const Library& library, Uniques& uniques);

}  // namespace sesha::images

#endif  // SESHA_IMAGES_BORROWING_H_
