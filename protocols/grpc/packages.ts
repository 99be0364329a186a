// The libraries of this door, loaded when they are first needed: a gateway without gRPC spares 30 MiB.

import { createRequire } from 'node:module'
import type * as GrpcJs from '@grpc/grpc-js'
import type * as HealthCheck from 'grpc-health-check'
import type * as Reflection from '@grpc/reflection'

const load = createRequire(import.meta.url)
let grpcJs: typeof GrpcJs | undefined

export function loadGrpcJs (): typeof GrpcJs {
  return grpcJs ??= load('@grpc/grpc-js') as typeof GrpcJs
}

export function loadHealthCheck (): typeof HealthCheck {
  return load('grpc-health-check') as typeof HealthCheck
}

export function loadReflection (): typeof Reflection {
  return load('@grpc/reflection') as typeof Reflection
}
