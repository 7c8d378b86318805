//! What an endpoint begins with: files that were written for something else.
