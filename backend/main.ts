import { startServer } from '#backend/scripts/serve'

await startServer()
