"""A device on a serial line, over pyserial: device.py PORT FOLDER stream|ask

It says what stands in the file FOLDER/say, as a line: by itself, every 20 ms, or as the answer to "R", with "R " in front. A file FOLDER/flood has it
say so many lines at once; FOLDER/slow one byte a second; FOLDER/late has it keep back one answer until the next request; FOLDER/mute has it say nothing.
"""
import os
import sys
import time

import serial

port, folder, mode = sys.argv[1:4]


def read(name, remove=False):
    path = os.path.join(folder, name)
    try:
        with open(path) as f:
            text = f.read()
        if remove:
            os.remove(path)
        return text
    except FileNotFoundError:
        return None


def write(line, text):
    if read("slow") is None:
        line.write(text)
        return
    for i in range(len(text)):
        if read("slow") is None:
            line.write(text[i:])
            return
        line.write(text[i:i + 1])
        time.sleep(1)


def fat(n):
    head = '{"n":%d,"unit":"Cel","note":"' % n
    return head + "x" * (1024 - len(head) - 2) + '"}'


def stream(line):
    while True:
        flood = read("flood", remove=True)
        if flood is not None:
            for n in range(1, int(flood) + 1):
                line.write((fat(n) + "\r\n").encode())
        text = read("say")
        if text is not None and read("mute") is None:
            write(line, (text + "\r\n").encode())
        line.reset_input_buffer()
        time.sleep(0.02)


def ask(line):
    held = None
    while True:
        said = line.read_until(b"\r\n")
        if not said.endswith(b"\r\n") or not said.startswith(b"R") or read("mute") is not None:
            continue
        answer = (said[:1].decode() + " " + (read("say") or "nothing") + "\r\n").encode()
        if held is not None:
            line.write(held)
            held = None
        elif read("late", remove=True) is not None:
            held = answer
            continue
        write(line, answer)


with serial.Serial(port, 9600, timeout=0.2) as opened:
    print("ready", flush=True)
    {"stream": stream, "ask": ask}[mode](opened)
