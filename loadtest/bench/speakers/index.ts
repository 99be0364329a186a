// The speakers by name, with adapter and listener: one line per door with streams, and one for unary calls.

import type { Speak } from './speaker.ts'
import { speakGrpc, speakGrpcUnary } from './grpc.ts'
import { speakMqtt } from './mqtt.ts'
import { speakWebSocket } from './websocket.ts'

/** How streams are measured at a door. */
export interface StreamDoor {
  readonly speak: Speak
  readonly adapter: 'websocket' | 'grpc' | 'mqtt'
  /** The `protocol` of the listener. */
  readonly protocol: 'http' | 'grpc' | 'mqtt'
  readonly connections: number
  /** Events in flight on each connection. */
  readonly window: number
}

export const streamDoors = {
  websocket: { speak: speakWebSocket, adapter: 'websocket', protocol: 'http', connections: 50, window: 100 },
  grpc: { speak: speakGrpc, adapter: 'grpc', protocol: 'grpc', connections: 50, window: 100 },
  'grpc-unary': { speak: speakGrpcUnary, adapter: 'grpc', protocol: 'grpc', connections: 50, window: 20 },
  mqtt: { speak: speakMqtt, adapter: 'mqtt', protocol: 'mqtt', connections: 50, window: 20 }
} as const satisfies Record<string, StreamDoor>

export type StreamDoorName = keyof typeof streamDoors
