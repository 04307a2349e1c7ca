#include "images/borrowing.h"

#include <algorithm>
#include <cstring>

#include "images/renaming.h"

namespace sesha::images {
namespace {

unsigned binding(const Elf64_Sym& symbol) { return ELF64_ST_BIND(symbol.st_info); }

bool is_unique(const Elf64_Sym& symbol) {
  return binding(symbol) == STB_GNU_UNIQUE && symbol.st_shndx != SHN_UNDEF;
}

bool is_weak_data(const Elf64_Sym& symbol) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  return binding(symbol) == STB_WEAK && symbol.st_shndx != SHN_UNDEF &&
         (type == STT_OBJECT || type == STT_TLS);
}

/// Whether the symbol has a version of its own: then its name alone does not tell what it is.
bool has_version(const Object& object, size_t index) {
  const auto versions = object.entry(DT_VERSYM);
  if (!versions) return false;
  uint16_t version = 0;
  std::memcpy(&version, object.at(*versions + index * sizeof version, sizeof version),
              sizeof version);
  return (version & 0x7fff) > VER_NDX_GLOBAL;
}

bool binds_to_itself(const Object& object) {
  return object.entry(DT_SYMBOLIC).has_value() ||
         (object.entry(DT_FLAGS).value_or(0) & DF_SYMBOLIC) != 0;
}

bool defines_weakly(const Object& object, std::string_view name, uint32_t hash) {
  const Elf64_Sym* symbol = object.find(name, hash);
  return symbol != nullptr && (binding(*symbol) == STB_WEAK || binding(*symbol) == STB_GNU_UNIQUE);
}

}  // namespace

Borrowed borrow(const Library& library, const std::vector<const Library*>& scope,
                const Uniques& uniques) {
  Borrowed borrowed;
  const Object& object = *library.object;
  const bool symbolic = binds_to_itself(object);
  for (size_t index = 0; index < object.symbols().size(); ++index) {
    const Elf64_Sym& symbol = object.symbols()[index];
    const bool unique = is_unique(symbol);
    if (!(unique || (is_weak_data(symbol) && !symbolic)) || has_version(object, index)) continue;
    const std::string_view name = object.symbol_name(symbol);
    const uint32_t hash = gnu_hash(name);
    if (runtime_defines(name, hash)) {
      if (unique) borrowed.symbols.insert(index);
    } else if (unique) {
      auto lender = uniques.find(name);
      if (lender == uniques.end() || lender->second == &library) continue;
      borrowed.symbols.insert(index);
      auto in = [&](const auto& list) {
        return std::find(list.begin(), list.end(), lender->second) != list.end();
      };
      if (!in(scope) && !in(borrowed.lenders)) borrowed.lenders.push_back(lender->second);
    } else if (std::any_of(scope.begin(), scope.end(), [&](const Library* other) {
                 return other != &library && other->state == Library::State::loaded &&
                        defines_weakly(*other->object, name, hash);
               })) {
      borrowed.symbols.insert(index);
    }
  }
  return borrowed;
}

void lend(const Library& library, Uniques& uniques) {
  const Object& object = *library.object;
  for (size_t index = 0; index < object.symbols().size(); ++index) {
    const Elf64_Sym& symbol = object.symbols()[index];
    if (is_unique(symbol) && !has_version(object, index))
      uniques.try_emplace(object.symbol_name(symbol), &library);
  }
}

}  // namespace sesha::images
