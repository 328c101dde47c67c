// peer serves one set of tables over Modbus, by libmodbus: at a port of TCP, and on a serial line too where one is given.
//
//   peer PORT [DEVICE UNIT BAUD]
//
// It prints "listening" once it does. The tables have 2000 entries each; what is behind them is an illegal data address. Register 1500 is none,
// in every table: a hole. On the serial line only its unit answers; over TCP every unit does.
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

enum { entries = 2000, hole = 1500 };

// answer serves one request that came, and returns -1 when the line ended.
static int answer(modbus_t *ctx, modbus_mapping_t *map) {
  uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
  int n = modbus_receive(ctx, query);
  if (n <= 0) return n;
  int head = modbus_get_header_length(ctx);
  int at = (query[head + 1] << 8) | query[head + 2], count = (query[head + 3] << 8) | query[head + 4];
  if (query[head] <= 4 && at <= hole && hole < at + count)
    return modbus_reply_exception(ctx, query, MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
  return modbus_reply(ctx, query, n, map);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  modbus_mapping_t *map = modbus_mapping_new(entries, entries, entries, entries);
  for (int i = 0; i < entries; i++) {
    map->tab_registers[i] = i;
    map->tab_input_registers[i] = 10000 + i;
    map->tab_bits[i] = i % 3 == 0;
    map->tab_input_bits[i] = i % 2;
  }
  modbus_t *tcp = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
  int listener = modbus_tcp_listen(tcp, 64), line = -1;
  if (listener < 0) { perror("listen"); return 1; }
  modbus_t *rtu = NULL;
  if (argc == 5) {
    rtu = modbus_new_rtu(argv[2], atoi(argv[4]), 'N', 8, 1);
    modbus_set_slave(rtu, atoi(argv[3]));
    if (modbus_connect(rtu) < 0) { perror("connect"); return 1; }
    line = modbus_get_socket(rtu);
  }
  puts("listening");
  fflush(stdout);
  fd_set all;
  FD_ZERO(&all);
  FD_SET(listener, &all);
  int most = listener;
  if (line >= 0) { FD_SET(line, &all); if (line > most) most = line; }
  for (;;) {
    fd_set ready = all;
    if (select(most + 1, &ready, NULL, NULL, NULL) < 0) return 1;
    for (int fd = 0; fd <= most; fd++) {
      if (!FD_ISSET(fd, &ready)) continue;
      if (fd == listener) {
        int client = modbus_tcp_accept(tcp, &listener);
        if (client >= 0) { FD_SET(client, &all); if (client > most) most = client; }
      } else if (fd == line) {
        answer(rtu, map); // -1 for what is no request, or of another unit
      } else {
        modbus_set_socket(tcp, fd);
        if (answer(tcp, map) < 0) { close(fd); FD_CLR(fd, &all); }
      }
    }
  }
}
