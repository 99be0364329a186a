// All attacks by name: one line per attack in the file of its door.

import { grpcAttacks } from './grpc-attacks.ts'
import { tlsAttacks } from './tls-attacks.ts'
import { idle, websocketAttacks } from './websocket-attacks.ts'

/** Those that are to be dropped. */
export const attacks = { ...websocketAttacks, ...grpcAttacks, ...tlsAttacks } as const

/** All that may stand beside good clients. */
export const crowds = { ...attacks, 'ws-idle': idle } as const

export type AttackName = keyof typeof crowds
