"""What xknx makes of values: a line "DPT HEX NUMBER" for each type that it knows as a number, a time or a date."""

import random
from datetime import date

from xknx.dpt import DPTArray, DPTBase, DPTBinary
from xknx.exceptions import ConversionError, CouldNotParseTelegram

EPOCH = date(1970, 1, 1).toordinal()


def number(main, value):
    if main == 10:
        return value.hour * 3600 + value.minutes * 60 + value.seconds
    if main == 11:
        return date(value.year, value.month, value.day).toordinal() - EPOCH
    if main == 19:
        if value.fault or None in (value.year, value.month, value.day, value.hour, value.minutes, value.seconds):
            return None
        days = date(value.year, value.month, value.day).toordinal() - EPOCH
        return days * 86400 + value.hour * 3600 + value.minutes * 60 + value.seconds
    if main == 232:
        return value.red << 16 | value.green << 8 | value.blue
    if main == 235:
        return value.energy
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


dice = random.Random(12)
for of in DPTBase.dpt_class_tree():
    main, sub, size = of.dpt_main_number, of.dpt_sub_number, of.payload_length
    if main is None or sub is None or of.payload_type is DPTBinary or size > 8:
        continue
    raws = [bytes([b]) * size for b in (0, 1, 0x7F, 0x80, 0xFE, 0xFF)] + [dice.randbytes(size) for _ in range(20)]
    if main == 19:
        raws += [bytes([dice.randrange(100, 150), dice.randrange(1, 13), dice.randrange(1, 29), dice.randrange(24), 59, dice.randrange(60), dice.choice([0, 0x81, 2, 16]), 0x80]) for _ in range(40)]
    for raw in raws:
        try:
            value = number(main, of.from_knx(DPTArray(raw)))
        except (ConversionError, CouldNotParseTelegram, ValueError):
            continue
        if value is not None:
            print(f"{main}.{sub:03d} {raw.hex()} {value!r}")
