// A guest for measurements, as people write them: JSON in, JSON out, with the C library's strtod and snprintf.
//
//	clang --target=wasm32-wasi -Oz -mexec-model=reactor -Wl,--strip-all -o json.wasm json.c
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char buffer[1024];
static double window[256];

// input returns where the host writes the document, which is ended by a zero.
__attribute__((export_name("input"))) char *input(void) { return buffer; }

static const char *member(const char *text, const char *name) {
  size_t n = strlen(name);
  for (const char *p = strchr(text, '"'); p; p = strchr(p + 1, '"'))
    if (!strncmp(p + 1, name, n) && p[n + 1] == '"' && p[n + 2] == ':')
      return p + n + 3;
  return NULL;
}

// transform replaces the document {"sensor":"t-17","price":123.45,"ts":1700000000} by {"price":123450,"ts":1700000000}
// and returns its length.
__attribute__((export_name("transform"))) int transform(void) {
  const char *price = member(buffer, "price"), *ts = member(buffer, "ts");
  if (!price || !ts)
    return -1;
  double v = strtod(price, NULL);
  long long at = strtoll(ts, NULL, 10);
  return snprintf(buffer, sizeof buffer, "{\"price\":%.0f,\"ts\":%lld}", v * 1000, at);
}

// smooth is what floating point costs at its worst: nothing but sums and products.
__attribute__((export_name("smooth"))) double smooth(int rounds) {
  double level = 0, trend = 0;
  for (int i = 0; i < 256; i++)
    window[i] = i % 17 * 0.25 + i;
  for (int r = 0; r < rounds; r++)
    for (int i = 0; i < 256; i++) {
      double last = level;
      level = 0.3 * window[i] + 0.7 * (level + trend);
      trend = 0.1 * (level - last) + 0.9 * trend;
      window[i] = level;
    }
  return level;
}
