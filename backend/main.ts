import { startServer } from '#backend/scripts/serve'

startServer().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
