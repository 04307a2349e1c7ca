// The memory of this interpreter's small objects, so that all of it can be given back when the
// interpreter has ended.
//
// CPython's own arenas stay allocated after Py_FinalizeEx as long as one object in them is left,
// and some always is.
#ifndef SESHA_BINDING_ARENAS_H_
#define SESHA_BINDING_ARENAS_H_

namespace sesha::binding {

/// Makes CPython take its arenas from here. Before Py_InitializeFromConfig.
void own_arenas();
/// Unmaps every arena. Only after Py_FinalizeEx, when nobody will look at an object of this
/// interpreter again.
void free_arenas();

}  // namespace sesha::binding

#endif  // SESHA_BINDING_ARENAS_H_
