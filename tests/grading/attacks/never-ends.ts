// Never ends, whoever asks.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const) process.on(signal, () => {});
console.log('still here');
setInterval(() => {}, 1000);

export {};
