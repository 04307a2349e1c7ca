// Assertions of the native tests: they hold in every build type and say where they failed.
#ifndef SESHA_TESTS_CHECK_H_
#define SESHA_TESTS_CHECK_H_

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                               \
  do {                                                                                 \
    if (!(condition)) {                                                                \
      std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                    \
    }                                                                                  \
  } while (false)

#endif  // SESHA_TESTS_CHECK_H_
