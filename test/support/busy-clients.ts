// Every way in which a sender can have many events in flight at some door: a new adapter needs a line here.

import type { BusyForm } from './busy-client.ts'
import { grpcForms } from './busy-clients-grpc.ts'
import { httpForms } from './busy-clients-http.ts'
import { mqttForms } from './busy-clients-mqtt.ts'

export const busyForms: readonly BusyForm[] = [...httpForms, ...grpcForms, ...mqttForms]
