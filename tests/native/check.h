// Assertions for the native tests: plain executables that end with a status for ctest.
#ifndef SESHA_TESTS_CHECK_H_
#define SESHA_TESTS_CHECK_H_

#include <cstdio>
#include <cstdlib>

/// Ends the test with the place and the condition that does not hold.
#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

#endif  // SESHA_TESTS_CHECK_H_
