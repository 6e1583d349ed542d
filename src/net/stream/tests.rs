//! Tests of a worker's streams over real sockets.
