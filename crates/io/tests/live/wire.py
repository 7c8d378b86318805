"""One end of a cable for tests: a raw socket that shares no code with the backends under test.

Arguments: the device. Reads lines `VNET FRAME COUNT` (hexadecimal, hexadecimal, decimal) and sends the frame so often behind its
virtio header; prints a line `PACKET-TYPE VNET FRAME` for each frame that is heard, with the VLAN tag that the kernel took
out put back.
"""

import socket
import struct
import sys
import threading

SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 8, 15, 1, 1
SO_RCVBUFFORCE = 33
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
VNET = 10

wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
wire.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
wire.bind((sys.argv[1], 3))
index = socket.if_nametoindex(sys.argv[1])
wire.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", index, PACKET_MR_PROMISC, 0, b""))


def with_tag(frame, control):
    for level, kind, data in control:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tag, protocol = struct.unpack("IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                protocol = protocol if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                return frame[:12] + struct.pack("!HH", protocol, tag) + frame[12:]
    return frame


def send():
    for line in sys.stdin:
        vnet, frame, count = line.split()
        message = bytes.fromhex(vnet) + bytes.fromhex(frame)
        for _ in range(int(count)):
            wire.send(message)


def main():
    threading.Thread(target=send, daemon=True).start()
    print("ready", flush=True)
    while True:
        data, control, _, address = wire.recvmsg(1 << 17, 256)
        vnet, frame = data[:VNET], with_tag(data[VNET:], control)
        print(address[2], vnet.hex(), frame.hex(), flush=True)


main()
