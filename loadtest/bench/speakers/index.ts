// The speakers by the name of their adapter, and the listener each one needs: one line per door with streams.

import type { Speak } from './speaker.ts'
import { speakGrpc } from './grpc.ts'
import { speakMqtt } from './mqtt.ts'
import { speakWebSocket } from './websocket.ts'

/** How streams are measured at a door. */
export interface StreamDoor {
  readonly speak: Speak
  /** The `protocol` of the listener. */
  readonly protocol: 'http' | 'grpc' | 'mqtt'
  readonly connections: number
  /** Events in flight on each connection. */
  readonly window: number
}

export const streamDoors = {
  websocket: { speak: speakWebSocket, protocol: 'http', connections: 50, window: 100 },
  grpc: { speak: speakGrpc, protocol: 'grpc', connections: 50, window: 100 },
  mqtt: { speak: speakMqtt, protocol: 'mqtt', connections: 50, window: 20 }
} as const satisfies Record<string, StreamDoor>

export type StreamDoorName = keyof typeof streamDoors
