// Server reflection: tells tools such as grpcurl what services and messages there are, from the proto files.

import type { Server } from '@grpc/grpc-js'
import { fileDescriptors } from './generated/descriptors.ts'
import { loadReflection } from './packages.ts'

/** Serves v1 and v1alpha: some clients ask for the old one only. */
export function serveReflection (server: Server): void {
  // The shape in which the library takes descriptors of files; the rest of it, it does not read.
  const { ReflectionService } = loadReflection()
  const described = { all: { fileDescriptorProtos: fileDescriptors.map(text => Buffer.from(text, 'base64')) } }
  const service = new ReflectionService(described as unknown as ConstructorParameters<typeof ReflectionService>[0])
  service.addToServer(server)
}
