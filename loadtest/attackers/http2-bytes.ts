// Frames of HTTP/2 (RFC 9113) and messages of gRPC as a client of bad will makes them, by hand.

export const endStream = 0x1
export const endHeaders = 0x4
const dataType = 0x0
const headersType = 0x1
const resetType = 0x3
const settingsType = 0x4
const pingType = 0x6
const initialWindowSize = 0x4
const cancelCode = 0x8

export interface FrameParts { readonly type: number, readonly flags: number, readonly stream: number }

export function frame ({ type, flags, stream }: FrameParts, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** How every connection begins. `windowBytes` is what a stream may be sent before it is asked for more. */
export function opening (windowBytes = 65_535): Buffer {
  const setting = Buffer.alloc(6)
  setting.writeUInt16BE(initialWindowSize, 0)
  setting.writeUInt32BE(windowBytes, 2)
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame({ type: settingsType, flags: 0, stream: 0 }, setting)
  ])
}

export type Headers = readonly (readonly [string, string])[]

function literal (value: string): Buffer {
  // Shorter than 127 bytes, not compressed (RFC 7541 5.2).
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])
}

/** A header block that both sides remember (RFC 7541 6.2.1). */
export function rememberedHeaders (stream: number, headers: Headers, flags = endHeaders): Buffer {
  const block = headers.map(([name, value]) => Buffer.concat([Buffer.from([0x40]), literal(name), literal(value)]))
  return frame({ type: headersType, flags, stream }, Buffer.concat(block))
}

/** The same headers again, in a byte each: the last one remembered is number 62. */
export function headersAgain (stream: number, headers: Headers, flags = endHeaders): Buffer {
  const block = headers.map((_, at) => 0x80 | 62 + headers.length - 1 - at)
  return frame({ type: headersType, flags, stream }, Buffer.from(block))
}

export function data (stream: number, payload: Buffer, flags = 0): Buffer {
  return frame({ type: dataType, flags, stream }, payload)
}

export function reset (stream: number): Buffer {
  const code = Buffer.alloc(4)
  code.writeUInt32BE(cancelCode)
  return frame({ type: resetType, flags: 0, stream }, code)
}

export function ping (): Buffer {
  return frame({ type: pingType, flags: 0, stream: 0 }, Buffer.alloc(8))
}

/** A gRPC message (PROTOCOL-HTTP2); `announcedBytes` where fewer are sent than it is to have. */
export function message (content: Buffer, { compressed = false, announcedBytes = content.length } = {}): Buffer {
  const head = Buffer.alloc(5)
  head[0] = compressed ? 1 : 0
  head.writeUInt32BE(announcedBytes, 1)
  return Buffer.concat([head, content])
}

/** A protobuf field of bytes or text, shorter than 128 bytes. */
export function field (number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number << 3 | 2, content.length]), content])
}
