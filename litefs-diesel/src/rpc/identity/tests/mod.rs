//! Who is let in and who is not, on real connections; rotation; files; what nobody is shown.

mod certificates;
mod loading;
mod refusals;
mod rotation;
mod secrets;
mod shared;
