// Python clients like the originals: a thread that calls recv(1024) once per message, sends without
// line endings, a UDP socket whose answers go through pickle.loads.

import { afterAll, beforeAll, expect } from "bun:test";
import { python3, runPython } from "../python.ts";
import { skipUnless } from "../skip.ts";
import { DialectServer, content, host } from "./sockets.ts";

/**
 * A client that is descheduled for 20 ms gets two messages in one receive; no server can prevent
 * that.
 */
const unhurried = { retry: 3 };
const testWithPython = skipUnless(python3 !== undefined, "no python3 on this machine");

let server: DialectServer;
beforeAll(async () => {
  if (python3 !== undefined) server = await DialectServer.start();
});
afterAll(async () => {
  if (python3 !== undefined) await server[Symbol.asyncDispose]();
});

/** A client with a receiving thread; `wait(text)` waits until one receive was exactly that text. */
const clientClass = `
import pickle, socket, sys, threading, time

class Client:
    def __init__(self, port):
        self.sock = socket.create_connection(("${host}", port))
        self.got = []
        self.event = threading.Condition()
        threading.Thread(target=self.receive, daemon=True).start()
    def receive(self):
        while True:
            try:
                message = self.sock.recv(1024).decode()
            except OSError:
                message = ""
            with self.event:
                self.got.append(message or None)
                self.event.notify_all()
            if not message:
                return
    def send(self, text):
        self.sock.send(text.encode())
    def wait(self, text):
        with self.event:
            if not self.event.wait_for(lambda: text in self.got, 10):
                raise Exception("no receive was %r: %r" % (text, self.got))
            del self.got[:self.got.index(text) + 1]
`;

const openChatProgram = `${clientClass}
port = int(sys.argv[1])
alice = Client(port)
alice.send("Alice")
alice.wait("Alice has joined the chat!")
alice.wait("ALL ")
bob = Client(port)
bob.send("Bob")
bob.wait("Bob has joined the chat!")
bob.wait("ALL Alice ")
alice.wait("Bob has joined the chat!")
alice.wait("ALL Bob ")
alice.send("hello everyone")
alice.wait("Alice: hello everyone")
bob.wait("Alice: hello everyone")
bob.send("~Alice hi there")
alice.wait("Bob: (PRIVATE)  hi there")
bob.wait("from you to Alice: (PRIVATE)  hi there")
bob.send("show")
bob.wait("ALL Alice ")
alice.send("get_list_file")
alice.wait("<CHOOSE_FILE> a.txt empty ")

def download(name):
    alice.send("download_file " + name)
    with alice.event:
        assert alice.event.wait_for(lambda: any(m and m.startswith("UDP ") for m in alice.got), 10), alice.got
        message = [m for m in alice.got if m and m.startswith("UDP ")][0]
        alice.got.clear()
    word, udp_port, size, told = message.split(" ")
    assert told == name
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(10)
    server = ("${host}", int(udp_port))
    data = b""
    for i in range(int(size) // 1000 + 1):
        while True:
            udp.sendto(("part " + str(i)).encode(), server)
            datagram = udp.recvfrom(1024)[0]
            part, count = pickle.loads(datagram)
            if len(part) == count:
                break
        data += part
    udp.sendto(b"finished", server)
    assert len(data) == int(size), (len(data), size)
    return data.hex()

print(download("a.txt"))
print(download("empty"))
bob.send("CHANGENAME Bob Rob")
alice.wait("Bob changed his name to Rob!")
alice.wait("ALL Rob ")
bob.wait("Bob changed his name to Rob!")
bob.send("{quit}")
alice.wait("Rob left the chat...")
alice.wait("ALL ")
bob.wait(None)
alice.sock.close()
`;

testWithPython(
  "open-chat: chat, private messages, files, a new name, leaving",
  async () => {
    const out = await runPython(openChatProgram, "", [String(server.port("open-chat"))]);
    expect(out).toBe(`${Buffer.from(content).toString("hex")}\n\n`);
  },
  unhurried,
);

const selectChatProgram = `
import socket, sys

class Client:
    def __init__(self, port, name):
        self.sock = socket.create_connection(("${host}", port))
        self.sock.settimeout(10)
        assert self.sock.recv(1024).decode() == "welcome to the chat\\n"
        assert self.sock.recv(1024).decode() == "enter name: "
        self.sock.send(name.encode())
        self.lines = self.sock.makefile("r", newline="\\n")
    def expect(self, *lines):
        for line in lines:
            got = self.lines.readline()
            assert got == line + "\\n", (got, line)

port = int(sys.argv[1])
ann = Client(port, "Ann")
ann.expect("__users__ Ann")
ben = Client(port, "Ben")
ben.expect("__users__ Ann,Ben")
ann.expect("__users__ Ann,Ben", "Ben joined the chat")
cal = Client(port, "Cal")
cal.expect("__users__ Ann,Ben,Cal")
for one in (ann, ben):
    one.expect("__users__ Ann,Ben,Cal", "Cal joined the chat")
ann.sock.send(b"Ben,Cal - text")
ben.expect("Ann : Ben - text")
cal.expect("Ann : Cal - text")
ann.sock.send(b"Zoe - text")
ann.expect("user not found: Zoe")
ann.sock.send(b"hello")
ann.expect("use: recipient[,recipient] - message")
ben.sock.send(b"Cal")
ben.expect("private chat: Cal has been asked")
cal.expect("private chat: Ben asks you, type accept or reject")
cal.sock.send(b"reject")
for one, other in ((ben, "Cal"), (cal, "Ben")):
    one.expect("private chat with " + other + " was rejected")
cal.sock.send(b"EXIT")
assert cal.lines.readline() == ""
for one in (ann, ben):
    one.expect("Cal left the chat", "__users__ Ann,Ben")
print("fine")
`;

testWithPython(
  "select-chat: a greeting in two receives, chosen recipients, consent, exit",
  async () => {
    expect(await runPython(selectChatProgram, "", [String(server.port("select-chat"))])).toBe(
      "fine\n",
    );
  },
);

const calculatorProgram = `
import random, socket, sys
sock = socket.create_connection(("${host}", int(sys.argv[1])))
sock.settimeout(10)
sock.send(b"Ann")
import time
time.sleep(0.2)
chance = random.Random(7)
for i in range(60):
    a, b = (chance.choice([chance.uniform(-100, 100), chance.randint(-9, 9), 10.0 ** chance.randint(-20, 20)]) for _ in "ab")
    op = chance.choice("+-*/")
    if op == "/" and b == 0:
        continue
    sock.send(("%s %s %s" % (a, op, b)).encode())
    got = sock.recv(1024).decode()
    a, b = float(str(a)), float(str(b))
    want = str({"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0}[op])
    assert got == want, (a, op, b, got, want)
sock.send(b"q")
print("fine")
`;

testWithPython(
  "calculator: answers are what Python itself prints",
  async () => {
    expect(await runPython(calculatorProgram, "", [String(server.port("calculator"))])).toBe(
      "fine\n",
    );
  },
  unhurried,
);
