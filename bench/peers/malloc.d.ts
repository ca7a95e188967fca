/** `malloc` of codemix comes without types. */
declare module 'malloc'
